/* The insurance table. Whatever it says: what is taken are rows of finite
 * numbers, each of one sex, one region, one age group and one weight group. */
#include "sim/medical.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const uint32_t fuzz_mutations = 2000;

static char directory[64], folder[128], file[192];

static void clean_up(void)
{
    (void)unlink(file);
    (void)rmdir(folder);
    (void)rmdir(directory);
}

/* The reader wants a directory; in it, the file is a link to memory. */
static int table(void)
{
    static int fd = -1;
    char target[64];

    if (fd >= 0)
        return fd;
    fd = memfd_create("insurance", 0);
    (void)snprintf(
            directory, sizeof(directory), "%s/fuzz-medical-XXXXXX", P_tmpdir);
    CHECK(fd >= 0 && mkdtemp(directory) != NULL);
    (void)snprintf(folder, sizeof(folder), "%s/medical_cost", directory);
    (void)snprintf(file, sizeof(file), "%s/insurance.csv", folder);
    (void)snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
    CHECK_ZERO(mkdir(folder, 0700));
    CHECK_ZERO(symlink(target, file));
    CHECK_ZERO(atexit(clean_up));
    return fd;
}

static double sum(const double *values, uint32_t from, uint32_t to)
{
    double all = 0.0;

    for (uint32_t i = from; i <= to; i++)
        all += values[i];
    return all;
}

static void check_row(const double *row, double label)
{
    CHECK(isfinite(label));
    for (uint32_t i = 0; i < MEDICAL_COLUMNS; i++)
        CHECK(isfinite(row[i]));
    CHECK(sum(row, 3, 4) == 1.0 && sum(row, 5, 6) == 1.0);
    CHECK(sum(row, 7, 10) == 1.0);
    CHECK(sum(row, 11, 13) == 1.0 && sum(row, 14, 17) == 1.0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = table();
    struct medical medical;
    struct err err = {STATUS_OK, ""};

    CHECK_ZERO(ftruncate(fd, 0));
    CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
    if (medical_read(directory, &medical, &err) != 0) {
        CHECK(err.status == STATUS_INVALID && err.text[0] != '\0');
        CHECK(medical.features == NULL && medical.label == NULL);
        return 0;
    }
    for (uint32_t i = 0; i < medical.count; i++)
        check_row(medical.features[i], medical.label[i]);
    medical_free(&medical);
    return 0;
}
