/* The medical cost data of groupwise.md, section 10: rows scaled as the
 * published experiment scales them, in the order of its seed. */
#ifndef SIM_MEDICAL_H
#define SIM_MEDICAL_H

#include "base/err.h"

#include <stdint.h>

#define MEDICAL_COLUMNS 18u
#define MEDICAL_GROUPS  11u

struct medical {
    uint32_t count;
    double (*features)[MEDICAL_COLUMNS]; /* [count] */
    double *label; /* [count], on 0..1 */
};

extern const char *const medical_columns[MEDICAL_COLUMNS];
/* Groups in the published order, and the column that is 1 for its rows. */
extern const char *const medical_groups[MEDICAL_GROUPS];
extern const uint32_t medical_group_columns[MEDICAL_GROUPS];

/* Reads insurance.csv in `directory`, in file order. */
int medical_read(
        const char *directory, struct medical *data, struct err *err) MUST_USE;
void medical_free(struct medical *data);

#endif
