#include "sim/medical.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX   4096u
#define FIELDS     7
#define LINE_BYTES 256

/* Ranges over the whole file, as the experiment takes them. */
#define AGE_MIN      18.0
#define AGE_MAX      64.0
#define BMI_MIN      15.96
#define BMI_MAX      53.13
#define CHILDREN_MAX 5.0
#define CHARGES_MIN  1121.8739
#define CHARGES_MAX  63770.42801

const char *const medical_columns[MEDICAL_COLUMNS] = {"age", "bmi", "children",
        "sex_female", "sex_male", "smoker_no", "smoker_yes", "region_northeast",
        "region_northwest", "region_southeast", "region_southwest", "young",
        "middle", "old", "underweight", "healthyweight", "overweight", "obese"};

const char *const medical_groups[MEDICAL_GROUPS] = {"young", "middle", "old",
        "underweight", "healthyweight", "overweight", "obese", "smoker",
        "non-smoker", "male", "female"};

const uint32_t medical_group_columns[MEDICAL_GROUPS] = {
        11, 12, 13, 14, 15, 16, 17, 6, 5, 4, 3};

static bool number(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

/* Sets the column of `prefix` and the word; false if there is none. */
static bool set_word(const char *prefix, const char *word, double *row)
{
    size_t size = strlen(prefix);
    bool found = false;

    for (uint32_t column = 3; column <= 10; column++)
        if (strncmp(medical_columns[column], prefix, size) == 0) {
            bool same = strcmp(medical_columns[column] + size, word) == 0;
            row[column] = same;
            found = found || same;
        }
    return found;
}

/* age,sex,bmi,children,smoker,region,charges */
static bool read_row(char *const fields[FIELDS], double *row, double *label)
{
    double age, bmi, children, charges;

    if (!number(fields[0], &age) || !number(fields[2], &bmi) ||
            !number(fields[3], &children) || !number(fields[6], &charges))
        return false;
    row[0] = (age - AGE_MIN) / (AGE_MAX - AGE_MIN);
    row[1] = (bmi - BMI_MIN) / (BMI_MAX - BMI_MIN);
    row[2] = children / CHILDREN_MAX;
    if (!set_word("sex_", fields[1], row) ||
            !set_word("smoker_", fields[4], row) ||
            !set_word("region_", fields[5], row))
        return false;
    row[11] = age <= 35;
    row[12] = age > 35 && age <= 50;
    row[13] = age > 50;
    row[14] = bmi < 18.5;
    row[15] = bmi >= 18.5 && bmi < 25;
    row[16] = bmi >= 25 && bmi < 30;
    row[17] = bmi >= 30;
    *label = (charges - CHARGES_MIN) / (CHARGES_MAX - CHARGES_MIN);
    return true;
}

static bool split(char *line, char *fields[FIELDS])
{
    char *rest = line;
    int count = 0;

    line[strcspn(line, "\r\n")] = '\0';
    while (rest != NULL && count < FIELDS)
        fields[count++] = strsep(&rest, ",");
    return count == FIELDS && rest == NULL;
}

static int read_rows(FILE *file, struct medical *data, struct err *err)
{
    char line[LINE_BYTES];
    char *fields[FIELDS];

    if (fgets(line, sizeof(line), file) == NULL)
        return err_set(err, STATUS_INVALID, "insurance.csv: is empty");
    while (fgets(line, sizeof(line), file) != NULL) {
        if (data->count == ROWS_MAX)
            return err_set(err, STATUS_INVALID, "insurance.csv: too long");
        if (!split(line, fields) ||
                !read_row(fields, data->features[data->count],
                        &data->label[data->count]))
            return err_set(err, STATUS_INVALID,
                    "insurance.csv:%u: not seven fields as expected",
                    data->count + 2);
        data->count++;
    }
    return 0;
}

int medical_read(const char *directory, struct medical *data, struct err *err)
{
    char path[4096];
    FILE *file;
    int status;

    memset(data, 0, sizeof(*data));
    (void)snprintf(
            path, sizeof(path), "%s/medical_cost/insurance.csv", directory);
    file = fopen(path, "r");
    if (file == NULL)
        return err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
    data->features = calloc(ROWS_MAX, sizeof(*data->features));
    data->label = calloc(ROWS_MAX, sizeof(*data->label));
    status = data->features == NULL || data->label == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : read_rows(file, data, err);
    (void)fclose(file);
    if (status != 0)
        medical_free(data);
    return status;
}

void medical_free(struct medical *data)
{
    free(data->features);
    free(data->label);
    memset(data, 0, sizeof(*data));
}
