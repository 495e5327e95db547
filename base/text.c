#include "base/text.h"

#include "base/hash.h"
#include "base/limits.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- numbers ---- */

/* Longest text of a number that is looked at: more digits than that do not
 * change a double. */
#define NUMBER_TEXT_MAX 800u
/* Powers of ten up to this are exact doubles, and integers up to 2^53. */
#define EXACT_POWER_MAX 22
#define EXACT_DIGITS    15

static const double powers[EXACT_POWER_MAX + 1] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5,
        1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18, 1e19, 1e20, 1e21, 1e22};

/* Everything that the quick way leaves. */
static size_t decimal_slow(struct bytes text, double *out)
{
    char copy[NUMBER_TEXT_MAX + 1];
    size_t size = text.size < NUMBER_TEXT_MAX ? text.size : NUMBER_TEXT_MAX;
    char *end;

    if (size == 0)
        return 0;
    memcpy(copy, text.data, size);
    copy[size] = '\0';
    if (copy[0] == ' ' || (copy[0] >= '\t' && copy[0] <= '\r'))
        return 0; /* which strtod would skip */
    *out = strtod(copy, &end);
    return (size_t)(end - copy);
}

static bool is_digit(uint8_t byte)
{
    return (unsigned)(byte - '0') <= 9;
}

/* Digits without a rounding: at most 15 of them times or over an exact power
 * of ten is correctly rounded (Clinger 1990). What follows must not go on with
 * the number. */
size_t decimal_read(struct bytes text, double *out)
{
    const uint8_t *at = text.data, *end = text.data + text.size;
    const uint8_t *first, *limit;
    uint64_t digits = 0;
    int scale = 0;
    bool minus = at < end && *at == '-';
    double value;

    at += minus;
    first = at;
    /* One digit more than is exact, and the point. */
    limit = end - at > EXACT_DIGITS + 2 ? at + EXACT_DIGITS + 2 : end;
    while (at < limit && is_digit(*at))
        digits = digits * 10 + (uint64_t)(*at++ - '0');
    if (at == first)
        return decimal_slow(text, out);
    if (at < limit && *at == '.') {
        const uint8_t *point = at++;
        while (at < limit && is_digit(*at))
            digits = digits * 10 + (uint64_t)(*at++ - '0');
        scale = (int)(at - point) - 1;
    }
    if (at - first > EXACT_DIGITS + (scale > 0) ||
            (at < end &&
                    (is_digit(*at) || (*at | 0x20) == 'e' ||
                            (*at | 0x20) == 'x')))
        return decimal_slow(text, out);
    value = (double)digits / powers[scale];
    *out = minus ? -value : value;
    return (size_t)(at - text.data);
}

bool decimal_parse(struct bytes text, double *out)
{
    return text.size > 0 && decimal_read(text, out) == text.size &&
            isfinite(*out);
}

size_t decimal_write(double value, char out[DECIMAL_SIZE])
{
    int size = 0;

    for (int digits = 15; digits <= 17; digits++) {
        size = snprintf(out, DECIMAL_SIZE, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return (size_t)size;
}

/* ---- names ---- */

#define NAME_KEPT (ID_BYTES_MAX - 17)

static size_t utf8_length(const uint8_t *at, size_t left)
{
    uint32_t code;
    size_t length;

    if (at[0] < 0x80)
        return 1;
    length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || length > left)
        return 0;
    code = at[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    if ((length == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
            (length == 4 && (code < 0x10000 || code > 0x10ffff)))
        return 0;
    return length;
}

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Bytes at the start that are printable ASCII, eight at a time (so there may be
 * up to seven more). */
static size_t plain_start(struct bytes text)
{
    size_t at = 0;

    for (; at + 8 <= text.size; at += 8) {
        uint64_t word, low, delete;
        memcpy(&word, text.data + at, 8);
        low = (word - ONES * 0x20) & ~word;
        delete = ((word ^ ONES * 0x7f) - ONES) & ~(word ^ ONES * 0x7f);
        if (((word | low | delete) & HIGHS) != 0)
            break;
    }
    return at;
}

bool text_is_utf8(struct bytes text)
{
    for (size_t at = plain_start(text); at < text.size;) {
        size_t length = utf8_length(text.data + at, text.size - at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

static bool is_name(struct bytes text)
{
    if (text.size == 0 || text.size > ID_BYTES_MAX)
        return false;
    for (size_t at = plain_start(text); at < text.size;) {
        if (text.data[at] >= 32 && text.data[at] < 127) {
            at++;
            continue;
        }
        size_t length = utf8_length(text.data + at, text.size - at);
        if (length == 0 || text.data[at] < 32 || text.data[at] == 127)
            return false;
        at += length;
    }
    return true;
}

struct bytes name_of_text(struct bytes text, struct arena *arena)
{
    uint8_t *name;
    size_t size = 0;
    char hash[18];

    if (is_name(text))
        return text;
    name = arena_alloc(arena, ID_BYTES_MAX);
    if (name == NULL)
        return bytes_of(NULL, 0);
    for (size_t i = 0; i < text.size && size < NAME_KEPT; i++)
        name[size++] =
                text.data[i] < 32 || text.data[i] > 126 ? '_' : text.data[i];
    (void)snprintf(
            hash, sizeof(hash), "~%016" PRIx64, hash_bytes(text, 0x6e616d65));
    memcpy(name + size, hash, 17);
    return bytes_of(name, size + 17);
}

struct bytes name_of_number(uint64_t number, struct arena *arena)
{
    char text[24];
    char *at = text + sizeof(text);
    size_t size;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    size = (size_t)(text + sizeof(text) - at);
    at = arena_copy(arena, at, size);
    return bytes_of(at, at == NULL ? 0 : size);
}

struct bytes text_trim(struct bytes text)
{
    while (text.size > 0 &&
            (text.data[0] == ' ' ||
                    (text.data[0] >= '\t' && text.data[0] <= '\r'))) {
        text.data++;
        text.size--;
    }
    while (text.size > 0) {
        uint8_t last = text.data[text.size - 1];
        if (last != ' ' && (last < '\t' || last > '\r'))
            break;
        text.size--;
    }
    return text;
}

/* ---- times ---- */

/* `digits` digits as a number; false where there are others. */
static bool read_digits(struct bytes *text, size_t digits, int64_t *out)
{
    *out = 0;
    if (text->size < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(text->data[i]))
            return false;
        *out = *out * 10 + (text->data[i] - '0');
    }
    text->data += digits;
    text->size -= digits;
    return true;
}

static bool read_mark(struct bytes *text, const char *marks)
{
    if (text->size == 0 || text->data[0] == '\0' ||
            strchr(marks, text->data[0]) == NULL)
        return false;
    text->data++;
    text->size--;
    return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (Hinnant). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = shifted / 400, of_era = shifted - era * 400;
    int64_t of_year =
            (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
            719468;
}

static bool read_fraction(struct bytes *text, int64_t *fraction)
{
    int64_t unit = NANOS_PER_SECOND / 10;
    size_t count = 0;

    *fraction = 0;
    if (!read_mark(text, ".,"))
        return true;
    for (; text->size > 0 && is_digit(text->data[0]); count++) {
        *fraction += unit * (text->data[0] - '0');
        unit /= 10;
        text->data++;
        text->size--;
    }
    return count > 0;
}

/* Z, +02:00, +0200, +02, or nothing. */
static bool read_offset(struct bytes *text, int64_t *seconds)
{
    bool minus = text->size > 0 && text->data[0] == '-';
    int64_t hours, minutes = 0;

    *seconds = 0;
    if (text->size == 0 || read_mark(text, "zZ"))
        return true;
    if (!read_mark(text, "+-") || !read_digits(text, 2, &hours))
        return false;
    (void)read_mark(text, ":");
    if (text->size > 0 && !read_digits(text, 2, &minutes))
        return false;
    *seconds = (hours * 60 + minutes) * (minus ? -60 : 60);
    return hours < 24 && minutes < 60;
}

static bool read_clock(struct bytes *text, int64_t *seconds, int64_t *fraction)
{
    int64_t hour, minute, second = 0, offset;

    *seconds = *fraction = 0;
    if (text->size == 0)
        return true;
    if (!read_mark(text, "tT ") || !read_digits(text, 2, &hour) ||
            !read_mark(text, ":") || !read_digits(text, 2, &minute) ||
            (read_mark(text, ":") && !read_digits(text, 2, &second)) ||
            !read_fraction(text, fraction) || !read_offset(text, &offset))
        return false;
    *seconds = hour * 3600 + minute * 60 + second - offset;
    return hour < 25 && minute < 60 && second < 61;
}

bool time_read(struct bytes text, nanos *out)
{
    int64_t year, month, day, seconds, fraction;

    text = text_trim(text);
    if (!read_digits(&text, 4, &year) || !read_mark(&text, "-") ||
            !read_digits(&text, 2, &month) || !read_mark(&text, "-") ||
            !read_digits(&text, 2, &day) ||
            !read_clock(&text, &seconds, &fraction))
        return false;
    if (text.size > 0 || year < 1678 || year > 2261 || month < 1 ||
            month > 12 || day < 1 || day > 31)
        return false;
    *out = (days_of(year, month, day) * 86400 + seconds) * NANOS_PER_SECOND +
            fraction;
    return true;
}

void time_write(nanos time, char out[TIME_TEXT_SIZE])
{
    time_t seconds = (time_t)(time / NANOS_PER_SECOND);
    int64_t fraction = time % NANOS_PER_SECOND;
    char text[24];
    struct tm utc;

    if (fraction < 0) {
        fraction += NANOS_PER_SECOND;
        seconds--;
    }
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(out, TIME_TEXT_SIZE, "%s.%09" PRId64 "Z", text, fraction);
}
