#include "service/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN ((size_t)4096)
/* Of a double at 12 digits, or of a 64-bit count. */
#define NUMBER_SIZE 32
/* Whole numbers up to here are exact in a double. */
#define WHOLE_MAX 9007199254740992.0

/* Room for `more` bytes and an ending zero. */
static bool make_room(struct text *text, size_t more)
{
    size_t wanted = text->size + more + 1;
    size_t capacity =
            text->capacity < CAPACITY_MIN ? CAPACITY_MIN : text->capacity;
    char *data;

    if (text->failed)
        return false;
    if (wanted <= text->capacity)
        return true;
    while (capacity < wanted)
        capacity *= 2;
    data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_add(struct text *text, const char *data, size_t size)
{
    if (!make_room(text, size))
        return;
    memcpy(text->data + text->size, data, size);
    text->size += size;
}

void text_string(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_count(struct text *text, uint64_t number)
{
    char digits[NUMBER_SIZE];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text_add(text, digits + at, sizeof(digits) - at);
}

static void add_finite(struct text *text, double number)
{
    char digits[NUMBER_SIZE];
    int size;

    if (fabs(number) <= WHOLE_MAX && number == floor(number)) {
        if (number < 0)
            text_add(text, "-", 1);
        text_count(text, (uint64_t)fabs(number));
        return;
    }
    size = snprintf(digits, sizeof(digits), "%.12g", number);
    text_add(text, digits, (size_t)size);
}

void text_number(struct text *text, double number)
{
    if (isnan(number))
        text_string(text, "NaN");
    else if (isinf(number))
        text_string(text, number > 0 ? "+Inf" : "-Inf");
    else
        add_finite(text, number);
}

void text_json_number(struct text *text, double number)
{
    if (isfinite(number))
        add_finite(text, number);
    else
        text_string(text, "null");
}

void text_json_time(struct text *text, double seconds)
{
    char digits[NUMBER_SIZE];
    int size;

    if (!(fabs(seconds) < WHOLE_MAX)) {
        text_string(text, "null");
        return;
    }
    size = snprintf(digits, sizeof(digits), "%.3f", seconds);
    text_add(text, digits, (size_t)size);
}

static void add_escaped(struct text *text, unsigned char byte)
{
    char escape[8];
    int size;

    if (byte == '"' || byte == '\\')
        size = snprintf(escape, sizeof(escape), "\\%c", byte);
    else
        size = snprintf(escape, sizeof(escape), "\\u%04x", byte);
    text_add(text, escape, (size_t)size);
}

void text_json_string(struct text *text, const char *string)
{
    text_add(text, "\"", 1);
    for (; *string != '\0'; string++) {
        unsigned char byte = (unsigned char)*string;
        if (byte < 0x20 || byte == '"' || byte == '\\')
            add_escaped(text, byte);
        else
            text_add(text, string, 1);
    }
    text_add(text, "\"", 1);
}

void text_json_next(struct text *text)
{
    char last = text->size == 0 ? '{' : text->data[text->size - 1];

    if (last != '{' && last != '[')
        text_add(text, ",", 1);
}

void text_json_key(struct text *text, const char *key)
{
    text_json_next(text);
    text_add(text, "\"", 1);
    text_string(text, key);
    text_add(text, "\":", 2);
}

char *text_take(struct text *text, size_t *size)
{
    char *data = NULL;

    if (make_room(text, 0)) {
        data = text->data;
        data[text->size] = '\0';
        *size = text->size;
    } else {
        free(text->data);
    }
    *text = (struct text){.data = NULL};
    return data;
}
