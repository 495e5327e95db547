#include "sim/matrix_market.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_MOST  1000u /* bytes; the format says 1024, a reader's is 1030 */
#define WORDS_MOST 5u
#define BANNER     "%%MatrixMarket"
#define INFINITE   1e308 /* SuiteSparse's infinity */

struct scan {
    FILE *file;
    struct matrix_market *market;
    uint64_t line; /* number of the one in `text` */
    char text[LINE_MOST + 2];
    char *words[WORDS_MOST + 1]; /* of it; one more than any line may have */
    uint32_t count;
    struct err *err;
};

#define bad(scan, format, ...)                                                 \
    err_set((scan)->err, STATUS_INVALID, "line %llu: " format,                 \
            (unsigned long long)(scan)->line, __VA_ARGS__)

static void split(struct scan *scan)
{
    char *rest = NULL;

    scan->count = 0;
    for (char *word = strtok_r(scan->text, " \t\r\n\v\f", &rest);
            word != NULL && scan->count <= WORDS_MOST;
            word = strtok_r(NULL, " \t\r\n\v\f", &rest))
        scan->words[scan->count++] = word;
}

/* The next line into `text`; false at the end of the file. */
static bool next_line(struct scan *scan, int *status)
{
    size_t size = 0;
    int byte;

    *status = 0;
    while ((byte = getc(scan->file)) != EOF) {
        if (size == 0)
            scan->line++;
        if (byte == '\0' || size == LINE_MOST) {
            *status = byte == '\0' ? bad(scan, "%s", "a zero byte")
                                   : bad(scan, "more than %u bytes", LINE_MOST);
            return false;
        }
        scan->text[size++] = (char)byte;
        if (byte == '\n')
            break;
    }
    scan->text[size] = '\0';
    return size > 0;
}

/* The words of the next line that is neither empty nor a comment. */
static bool next_words(struct scan *scan, int *status)
{
    while (next_line(scan, status)) {
        if (scan->text[0] == '%')
            continue;
        split(scan);
        if (scan->count > 0)
            return true;
    }
    return false;
}

/* ---- the head ---- */

static int take_banner(struct scan *scan)
{
    struct matrix_market *market = scan->market;

    split(scan);
    if (strcmp(scan->words[0], BANNER) != 0 || scan->count != 5 ||
            strcasecmp(scan->words[1], "matrix") != 0)
        return bad(scan, "not `%s matrix FORMAT FIELD SYMMETRY`", BANNER);
    market->array = strcasecmp(scan->words[2], "array") == 0;
    market->symmetric = strcasecmp(scan->words[4], "symmetric") == 0;
    if (!market->array && strcasecmp(scan->words[2], "coordinate") != 0)
        return bad(scan, "%.20s: neither coordinate nor array", scan->words[2]);
    if (strcasecmp(scan->words[3], "pattern") == 0)
        return bad(scan, "%s", "a pattern has no values to solve with");
    if (strcasecmp(scan->words[3], "real") != 0 &&
            strcasecmp(scan->words[3], "integer") != 0)
        return bad(
                scan, "%.20s: values must be real or integer", scan->words[3]);
    if (!market->symmetric && strcasecmp(scan->words[4], "general") != 0)
        return bad(scan, "%.20s: the matrix must be symmetric", scan->words[4]);
    return 0;
}

static bool take_index(const char *word, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0;
}

static int take_sizes(struct scan *scan)
{
    struct matrix_market *market = scan->market;
    uint64_t rows = 0, columns = 0;
    bool good = scan->count == (market->array ? 2 : 3) &&
            take_index(scan->words[0], &rows) &&
            take_index(scan->words[1], &columns) &&
            (market->array || take_index(scan->words[2], &market->entries));

    if (!good)
        return bad(scan, "not a Matrix Market file: %s expected",
                market->array ? "rows and columns"
                              : "rows, columns and entries");
    if (rows != columns)
        return bad(scan, "%llu x %llu: the matrix is not square",
                (unsigned long long)rows, (unsigned long long)columns);
    if (rows < 1 || rows > INT32_MAX)
        return bad(scan, "%llu rows, not 1 to %d", (unsigned long long)rows,
                INT32_MAX);
    if (market->array)
        market->entries =
                market->symmetric ? rows * (rows + 1) / 2 : rows * rows;
    if (market->entries < rows)
        return bad(scan, "%llu entries leave a diagonal of %llu empty",
                (unsigned long long)market->entries, (unsigned long long)rows);
    if (market->entries > INT32_MAX)
        return bad(scan, "%llu entries, more than %d",
                (unsigned long long)market->entries, INT32_MAX);
    market->n = (uint32_t)rows;
    return 0;
}

static int take_head(struct scan *scan)
{
    int status = 0;
    bool more = next_line(scan, &status);

    if (more && strncasecmp(scan->text, BANNER, strlen(BANNER)) == 0) {
        status = take_banner(scan);
        if (status == 0)
            more = next_words(scan, &status);
    } else if (more) {
        if (scan->text[0] != '%')
            split(scan);
        if (scan->text[0] == '%' || scan->count == 0)
            more = next_words(scan, &status);
    }
    if (status != 0)
        return status;
    return more ? take_sizes(scan)
                : bad(scan, "%s", "not a Matrix Market file: no sizes");
}

/* ---- entries ---- */

static int take_place(struct scan *scan, const char *word, uint64_t *out)
{
    if (take_index(word, out) && *out >= 1 && *out <= scan->market->n)
        return 0;
    return bad(scan, "'%.20s': not a row or column, 1 to %u", word,
            scan->market->n);
}

static int take_value(struct scan *scan, const char *word)
{
    char *end;
    double value = strtod(word, &end);

    if (end == word || *end != '\0')
        return bad(scan, "'%.20s': not a number", word);
    if (!(fabs(value) < INFINITE))
        return bad(scan, "'%.20s': not a finite number", word);
    return 0;
}

static int take_entry(struct scan *scan)
{
    struct matrix_market *market = scan->market;
    uint64_t row = 0, column = 0;
    int status = 0;

    if (scan->count != (market->array ? 1 : 3))
        return bad(scan, "not %s",
                market->array ? "one value" : "row, column and value");
    if (!market->array) {
        status = take_place(scan, scan->words[0], &row);
        if (status == 0)
            status = take_place(scan, scan->words[1], &column);
        market->below |= row > column;
        market->above |= row < column;
    }
    return status != 0 ? status
                       : take_value(scan, scan->words[scan->count - 1]);
}

static int take_entries(struct scan *scan)
{
    struct matrix_market *market = scan->market;
    uint64_t taken = 0;
    int status = 0;

    while (status == 0 && next_words(scan, &status)) {
        if (taken == market->entries)
            return bad(scan, "more than the %llu entries that were announced",
                    (unsigned long long)market->entries);
        status = take_entry(scan);
        taken++;
    }
    if (status == 0 && taken < market->entries)
        return err_set(scan->err, STATUS_INVALID,
                "the file ends after %llu of %llu entries",
                (unsigned long long)taken, (unsigned long long)market->entries);
    return status;
}

int matrix_market_check(
        FILE *file, struct matrix_market *market, struct err *err)
{
    struct scan scan = {.file = file, .market = market, .err = err};
    int status;

    memset(market, 0, sizeof(*market));
    status = take_head(&scan);
    if (status == 0)
        status = take_entries(&scan);
    if (ferror(file))
        return err_set(err, STATUS_IO, "%s", strerrordesc_np(errno));
    return status;
}
