/* What a Matrix Market file says, checked line by line before SuiteSparse reads
 * it: that reader gives a pattern values of its own, takes the 4.0 out of
 * 4.0D+03, does not look behind the last entry, and gets as much memory as the
 * line of sizes asks for. */
#ifndef SIM_MATRIX_MARKET_H
#define SIM_MATRIX_MARKET_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct matrix_market {
    bool array; /* all values, column by column; else row, column, value */
    bool symmetric; /* one triangle stands for both */
    bool below, above; /* entries on that side of the diagonal were seen */
    uint32_t n; /* rows and columns, at least 1 */
    uint64_t entries; /* lines of values, all there; at least n */
};

/* Reads `file` to its end. INVALID, with the line, unless it holds a square
 * matrix of finite real values, `coordinate` or `array`, `general` or
 * `symmetric`. A file without a banner is taken too (and is symmetric if it has
 * entries on one side of the diagonal only). Whether `general` is symmetric is
 * not looked at. Afterwards memory in proportion to the file is enough. */
int matrix_market_check(
        FILE *file, struct matrix_market *market, struct err *err) MUST_USE;

#endif
