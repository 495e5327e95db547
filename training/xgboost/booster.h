/* The booster by XGBoost, in this process. In an archive of its own: only
 * rue-train and tests link it, never what serves. Set OMP_NUM_THREADS=1 and
 * never fork without exec after its first use (libgomp hangs the child). */
#ifndef TRAINING_XGBOOST_BOOSTER_H
#define TRAINING_XGBOOST_BOOSTER_H

#include "training/booster.h"

extern const struct booster xgboost_booster;

/* The model behind a forest, for tests and benches that compare with XGBoost's
 * own predictor. */
struct xgboost_model {
    void *booster, *matrix;
};

int xgboost_open(struct xgboost_model *model, const struct boost_job *job,
        struct err *err) MUST_USE;
void xgboost_close(struct xgboost_model *model);
int xgboost_forest(const struct xgboost_model *model,
        const struct boost_job *job, struct forest *forest,
        struct err *err) MUST_USE;
/* Its predictions for rows in place: probabilities for logistic loss. The
 * result is the library's and stays until the next call. */
int xgboost_predict(const struct xgboost_model *model, const float *rows,
        uint32_t width, uint32_t count, const float **predictions,
        struct err *err) MUST_USE;

#endif
