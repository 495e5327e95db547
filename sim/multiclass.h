/* Multiclass data sets from CSV files, as rounds of a bandit problem: the row's
 * features are the context, each class is an action (bandits.md, section 4).
 *
 * A file has a header line and the class in its last column. A column is
 * numeric if every cell of it is a finite number, empty or `?`, and at least
 * one is a number; otherwise it is categorical, one indicator per value, where
 * empty and `?` are values like others. A missing cell of a numeric column
 * stands for nothing known: the mean of the cells above it in the order that
 * is played. Numbers beyond VALUE_MAX are refused, as the engine would refuse
 * them. Cells may be quoted. Classes are numbered by first appearance. */
#ifndef SIM_MULTICLASS_H
#define SIM_MULTICLASS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct multiclass {
    uint32_t rows, columns, classes;
    double *features; /* [rows][columns]; NAN = missing */
    uint32_t *label; /* [rows] */
    char **class_names; /* [classes] */
    uint32_t majority; /* rows of the largest class */
};

/* INVALID names file, line and column. */
int multiclass_read(
        const char *path, struct multiclass *data, struct err *err) MUST_USE;
void multiclass_free(struct multiclass *data);

#endif
