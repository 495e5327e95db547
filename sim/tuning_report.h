/* The report of sim/tuning.h as one HTML file: what each policy cost, cost
 * against omega in each part of the contexts with where a policy chose, and
 * costs as they added up. */
#ifndef SIM_TUNING_REPORT_H
#define SIM_TUNING_REPORT_H

#include "sim/tuning.h"

/* `title` says what was solved. IO if the file cannot be written. */
int tuning_report(const struct tuning_settings *settings,
        const struct tuning_result *result, const char *title, const char *path,
        struct err *err) MUST_USE;

#endif
