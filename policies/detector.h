/* Detectors of change: sequential tests on a stream of values in [0, 1], each
 * fed one at a time. An alarm restarts the detector on what came after the
 * change, so that the next one is about the next change.
 *
 * Pure: the same values give the same alarms and the same bytes, on every
 * machine. No allocation; a state is detector->size bytes of the caller's. */
#ifndef POLICIES_DETECTOR_H
#define POLICIES_DETECTOR_H

#include "base/options.h"

#include <stdbool.h>

/* What an alarm says. */
struct detection {
    double statistic; /* what was compared ... */
    double threshold; /* ... with what */
    double before, after; /* means before and after the change, where known */
    uint64_t rows; /* values since the change, as estimated; 0: not known */
};

struct detector {
    const char *name;
    struct option_table options;
    size_t size; /* of a state; a multiple of 8 */

    void (*init)(void *self, const void *options);
    /* One value, clipped to [0, 1]; NaN is not allowed. True: change, and
     * `found` is filled; the detector has restarted. */
    bool (*feed)(void *self, double value, struct detection *found);
    /* Where it stands, for those who look on: statistic and threshold as an
     * alarm would give them now; threshold 0: it has seen too little. */
    void (*level)(const void *self, struct detection *now);
    void (*save)(const void *self, struct writer *writer);
    /* Into a state after init() with the same options. The caller looks at the
     * reader afterwards; false: the fields are none that save() writes. */
    bool (*load)(void *self, struct reader *reader);
};

/* Bytes of the largest state and of the largest options struct. */
#define DETECTOR_SIZE_MAX    5120u
#define DETECTOR_OPTIONS_MAX 64u
/* A state that says it has seen more is not believed. */
#define DETECTOR_VALUES_MAX ((uint64_t)1 << 50)

extern const struct detector detector_adwin;
extern const struct detector detector_page_hinkley;
extern const struct detector detector_ddm;
extern const struct detector detector_hddm_a;
extern const struct detector detector_hddm_w;

/* All of them, NULL at the end. */
extern const struct detector *const detectors[];
/* The detector of that name, or NULL. */
const struct detector *detector_find(struct bytes name);

/* ---- options that callers may fill without text ---- */

/* Bifet and Gavalda, Learning from Time-Changing Data with Adaptive Windowing
 * (2007). Window of exponential buckets; O(log n) memory. */
struct adwin_options {
    double delta;
};
/* Values in ADWIN's window now: "data since the last change". */
uint64_t adwin_window(const void *self);
double adwin_mean(const void *self);

/* Page's test, one-sided (increase), of the values against their running mean.
 * The threshold h follows from the tolerated values between false alarms
 * (drift.md, section 2): theta is the positive root of
 *   p e^{theta(1-p-d)} + (1-p) e^{-theta(p+d)} = 1,
 *   (e^{theta h} - 1 - theta h)/(theta d) = A,
 * with p the mean so far (cautiously while it rests on few values), read again
 * whenever their number doubles. Of all
 * values in [0, 1] with that mean, 0 and 1 give the largest h. */
struct page_hinkley_options {
    double shift; /* d: half of the smallest shift worth an alarm */
    double between; /* A */
    double threshold; /* h; 0: from A */
};
double page_hinkley_threshold(double base, double shift, double between);

/* Gama et al., Learning with Drift Detection (2004). For compatibility. */
struct ddm_options {
    double level; /* standard deviations above the best */
};

/* Frias-Blanco et al., Online and Non-Parametric Drift Detection Methods Based
 * on Hoeffding's Bounds (2015): averages (A) and weighted averages (W). */
struct hddm_options {
    double delta;
    double lambda; /* weight of the newest value; W only */
};

#endif
