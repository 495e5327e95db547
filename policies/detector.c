#include "policies/detector.h"

const struct detector *const detectors[] = {&detector_adwin,
        &detector_page_hinkley, &detector_ddm, &detector_hddm_a,
        &detector_hddm_w, NULL};

const struct detector *detector_find(struct bytes name)
{
    for (uint32_t i = 0; detectors[i] != NULL; i++)
        if (bytes_equal(bytes_of_text(detectors[i]->name), name))
            return detectors[i];
    return NULL;
}
