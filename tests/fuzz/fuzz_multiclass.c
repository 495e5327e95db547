/* A file of labelled rows (rue bakeoff). Whatever it says: what is taken is a
 * table of numbers, missing or finite, with a class of those counted in every
 * row. */
#include "sim/multiclass.h"

#include "base/check.h"
#include "base/limits.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

const uint32_t fuzz_mutations = 5000;

static void check_data(const struct multiclass *data)
{
    uint32_t largest = 0;

    CHECK(data->rows >= 1 && data->columns <= COLUMNS_MAX);
    CHECK(data->classes >= 1 && data->classes <= ACTIONS_MAX);
    for (uint32_t i = 0; i < data->classes; i++)
        CHECK(data->class_names[i] != NULL);
    for (uint32_t row = 0; row < data->rows; row++) {
        const double *x = data->features + (size_t)row * data->columns;
        CHECK(data->label[row] < data->classes);
        largest += data->label[row] == data->label[0];
        for (uint32_t i = 0; i < data->columns; i++)
            CHECK(isnan(x[i]) || isfinite(x[i]));
    }
    CHECK(data->majority >= largest && data->majority <= data->rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct multiclass table;
    struct err err = {STATUS_OK, ""};
    char path[64];

    if (fd < 0)
        fd = memfd_create("rows", 0);
    CHECK(fd >= 0);
    CHECK_ZERO(ftruncate(fd, 0));
    CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (multiclass_read(path, &table, &err) != 0) {
        CHECK(err.status == STATUS_INVALID && err.text[0] != '\0');
        CHECK(table.features == NULL && table.label == NULL);
        return 0;
    }
    check_data(&table);
    multiclass_free(&table);
    return 0;
}
