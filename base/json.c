#include "base/json.h"

#include "base/text.h"

#include <math.h>

struct json json_of(struct bytes text, struct arena *arena)
{
    return (struct json){.at = text.data,
            .end = text.data + text.size,
            .start = text.data,
            .arena = arena};
}

void json_fail(struct json *json, const char *what)
{
    if (json->what == NULL)
        json->what = json->at < json->end ? what : "it ends too early";
    json->end = json->at;
}

size_t json_at(const struct json *json)
{
    return (size_t)(json->at - json->start);
}

static bool is_blank(uint8_t byte)
{
    return byte <= ' ' &&
            (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r');
}

/* The next byte that is not blank; 0 at the end. */
static inline uint8_t next(struct json *json)
{
    while (json->at < json->end && is_blank(*json->at))
        json->at++;
    return json->at < json->end ? *json->at : 0;
}

/* What begins with a byte; all others are JSON_NONE. */
static const uint8_t kinds[256] = {
        ['{'] = JSON_OBJECT,
        ['['] = JSON_ARRAY,
        ['"'] = JSON_TEXT,
        ['t'] = JSON_TRUE,
        ['f'] = JSON_FALSE,
        ['n'] = JSON_NULL,
        ['-'] = JSON_NUMBER,
        ['+'] = JSON_NUMBER,
        ['.'] = JSON_NUMBER,
        ['0'] = JSON_NUMBER,
        ['1'] = JSON_NUMBER,
        ['2'] = JSON_NUMBER,
        ['3'] = JSON_NUMBER,
        ['4'] = JSON_NUMBER,
        ['5'] = JSON_NUMBER,
        ['6'] = JSON_NUMBER,
        ['7'] = JSON_NUMBER,
        ['8'] = JSON_NUMBER,
        ['9'] = JSON_NUMBER,
};

enum json_kind json_peek(struct json *json)
{
    enum json_kind kind = (enum json_kind)kinds[next(json)];

    if (kind == JSON_NONE)
        json_fail(json, "a value is missing");
    return kind;
}

/* ---- objects and arrays ---- */

static bool begin(struct json *json, uint8_t mark, const char *what)
{
    if (next(json) != mark) {
        json_fail(json, what);
        return false;
    }
    if (json->depth == JSON_DEPTH_MAX) {
        json_fail(json, "nested too deep");
        return false;
    }
    json->at++;
    json->depth++;
    json->first = true;
    return true;
}

bool json_begin_object(struct json *json)
{
    return begin(json, '{', "an object is missing");
}

bool json_begin_array(struct json *json)
{
    return begin(json, '[', "an array is missing");
}

/* Past the comma; false at the end mark. */
static bool another(struct json *json, uint8_t mark)
{
    bool first = json->first;

    json->first = false;
    if (next(json) == mark) {
        json->at++;
        json->depth--;
        return false;
    }
    if (first)
        return json->what == NULL;
    if (next(json) != ',') {
        json_fail(json, "a comma is missing");
        return false;
    }
    json->at++;
    return true;
}

bool json_member(struct json *json, struct bytes *key)
{
    if (!another(json, '}') || !json_text(json, key))
        return false;
    if (next(json) != ':') {
        json_fail(json, "a colon is missing");
        return false;
    }
    json->at++;
    return true;
}

bool json_element(struct json *json)
{
    return another(json, ']');
}

/* ---- strings ---- */

/* What ends or changes a string: a quote, a backslash, a control character. */
static inline bool is_special(uint8_t byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

/* The first such byte. Names and texts are a few bytes long: looking at many at
 * a time costs more than it saves. */
static inline const uint8_t *plain_end(const uint8_t *at, const uint8_t *end)
{
    while (at < end && !is_special(*at))
        at++;
    return at;
}

static int hex_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1 if they are not. */
static int32_t unit_of(const uint8_t *at, const uint8_t *end)
{
    int32_t unit = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_of(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static size_t utf8_write(uint32_t code, uint8_t *out)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* \uXXXX, two of them where the first is half a character. */
static size_t escape_unicode(struct json *json, uint8_t *out)
{
    int32_t unit = unit_of(json->at, json->end), low;

    if (unit < 0) {
        json_fail(json, "\\u without four hexadecimal digits");
        return 0;
    }
    json->at += 4;
    if (unit < 0xd800 || unit >= 0xe000)
        return utf8_write((uint32_t)unit, out);
    low = json->end - json->at >= 6 && json->at[0] == '\\' && json->at[1] == 'u'
            ? unit_of(json->at + 2, json->end)
            : -1;
    if (unit >= 0xdc00 || low < 0xdc00 || low >= 0xe000) {
        json_fail(json, "half a character");
        return 0;
    }
    json->at += 6;
    return utf8_write(0x10000u + ((uint32_t)(unit - 0xd800) << 10) +
                    (uint32_t)(low - 0xdc00),
            out);
}

static size_t escape(struct json *json, uint8_t *out)
{
    static const char marks[] = "\"\\/bfnrt";
    static const char means[] = "\"\\/\b\f\n\r\t";
    uint8_t mark = json->at < json->end ? *json->at++ : 0;
    const char *found;

    if (mark == 'u')
        return escape_unicode(json, out);
    found = mark == 0 ? NULL : strchr(marks, mark);
    if (found == NULL) {
        json_fail(json, "an escape that there is not");
        return 0;
    }
    *out = (uint8_t)means[found - marks];
    return 1;
}

/* The rest of a string that has escapes. */
static bool text_escaped(
        struct json *json, const uint8_t *start, struct bytes *text)
{
    /* Writing never needs more than the text has. */
    uint8_t *out = arena_alloc(json->arena, (size_t)(json->end - start));
    size_t size = 0;

    if (out == NULL) {
        json_fail(json, "too large");
        return false;
    }
    json->at = start;
    for (;;) {
        const uint8_t *end = plain_end(json->at, json->end);
        memcpy(out + size, json->at, (size_t)(end - json->at));
        size += (size_t)(end - json->at);
        json->at = end;
        if (end == json->end || *end < 0x20) {
            json_fail(json, "a string without its end");
            return false;
        }
        json->at++;
        if (*end == '"')
            break;
        size += escape(json, out + size);
        if (json->what != NULL)
            return false;
    }
    json->arena->used -= (size_t)(json->end - start) - size;
    *text = bytes_of(out, size);
    return true;
}

bool json_text(struct json *json, struct bytes *text)
{
    const uint8_t *start, *end;

    if (next(json) != '"') {
        json_fail(json, "a string is missing");
        return false;
    }
    start = json->at + 1;
    end = plain_end(start, json->end);
    if (end < json->end && *end == '"') {
        *text = bytes_of(start, (size_t)(end - start));
        json->at = end + 1;
        return true;
    }
    if (end == json->end || *end < 0x20) {
        json_fail(json, "a string without its end");
        return false;
    }
    return text_escaped(json, start, text);
}

/* ---- numbers and words ---- */

bool json_number(struct json *json, double *value)
{
    size_t size;

    if (json_peek(json) != JSON_NUMBER) {
        json_fail(json, "a number is missing");
        return false;
    }
    size = decimal_read(
            bytes_of(json->at, (size_t)(json->end - json->at)), value);
    if (size == 0 || !isfinite(*value)) {
        json_fail(json, "a number that is none");
        return false;
    }
    json->at += size;
    return true;
}

bool json_digits(struct json *json, struct bytes *digits)
{
    const uint8_t *start;

    if (json_peek(json) != JSON_NUMBER) {
        json_fail(json, "a number is missing");
        return false;
    }
    start = json->at;
    while (json->at < json->end &&
            ((*json->at >= '0' && *json->at <= '9') || *json->at == '-'))
        json->at++;
    *digits = bytes_of(start, (size_t)(json->at - start));
    return true;
}

void json_word(struct json *json)
{
    static const char *const words[] = {"true", "false", "null"};
    enum json_kind kind = json_peek(json);

    if (kind >= JSON_TRUE && kind <= JSON_NULL) {
        const char *word = words[kind - JSON_TRUE];
        size_t size = strlen(word);
        if ((size_t)(json->end - json->at) >= size &&
                memcmp(json->at, word, size) == 0) {
            json->at += size;
            return;
        }
    }
    json_fail(json, "a word that there is not");
}

/* ---- writing ---- */

bool json_write_text(struct writer *writer, struct bytes text)
{
    static const char hex[] = "0123456789abcdef";

    if (!text_is_utf8(text))
        return false;
    write_u8(writer, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        uint8_t escape[6] = {'\\', byte};
        if (byte == '"' || byte == '\\') {
            write_bytes(writer, bytes_of(escape, 2));
        } else if (byte == '\n' || byte == '\t' || byte == '\r') {
            escape[1] = byte == '\n' ? 'n' : byte == '\t' ? 't' : 'r';
            write_bytes(writer, bytes_of(escape, 2));
        } else if (byte < 0x20) {
            escape[1] = 'u';
            escape[2] = escape[3] = '0';
            escape[4] = (uint8_t)hex[byte >> 4];
            escape[5] = (uint8_t)hex[byte & 15];
            write_bytes(writer, bytes_of(escape, 6));
        } else {
            write_u8(writer, byte);
        }
    }
    write_u8(writer, '"');
    return true;
}

/* ---- skipping ---- */

static void skip_flat(struct json *json, enum json_kind kind)
{
    struct bytes text;
    double number;

    if (kind == JSON_TEXT)
        (void)json_text(json, &text);
    else if (kind == JSON_NUMBER)
        (void)json_number(json, &number);
    else
        json_word(json);
}

void json_skip(struct json *json)
{
    uint64_t objects = 0; /* by depth: is it an object? */
    uint32_t base = json->depth;
    struct bytes key;

    do {
        enum json_kind kind = json_peek(json);
        bool more;
        if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
            bool object = kind == JSON_OBJECT;
            if (!(object ? json_begin_object(json) : json_begin_array(json)))
                return;
            objects = objects << 1 | object;
        } else {
            skip_flat(json, kind);
        }
        /* To the next value: ends of objects and arrays are passed. */
        while (json->what == NULL && json->depth > base) {
            more = (objects & 1) != 0 ? json_member(json, &key)
                                      : json_element(json);
            if (more)
                break;
            objects >>= 1;
        }
    } while (json->what == NULL && json->depth > base);
}

bool json_done(struct json *json)
{
    if (json->what == NULL && next(json) != 0)
        json_fail(json, "something stands after the end");
    if (json->what == NULL && json->at < json->end)
        json_fail(json, "a byte that is zero");
    return json->what == NULL;
}
