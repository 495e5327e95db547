/* A fuzz target without libFuzzer: runs it over its committed corpus and then
 * over mutations of it that are the same on every machine. With arguments it
 * runs it over those files only.
 *
 * Not a fuzzer: it does not look at coverage. It holds what was found once. The
 * input that fails is left beside the program. */
#include "base/rng.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX  4096u
#define INPUT_MAX  ((size_t)1 << 17)
#define EDITS_MAX  6u
#define INSERT_MAX 24u

struct input {
    uint8_t *data;
    size_t size;
};

static struct input inputs[FILES_MAX];
static size_t input_count;

/* What is running, and where it is left when it fails. */
static const uint8_t *running;
static size_t running_size;
static char failed_path[512];

/* ---- failing ---- */

/* Also for what sanitizers find. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static void leave_input(int signal_number)
{
    int fd = open(failed_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd >= 0 && write(fd, running, running_size) >= 0) {
        (void)!write(STDERR_FILENO, "the input is in ", 16);
        (void)!write(STDERR_FILENO, failed_path, strlen(failed_path));
        (void)!write(STDERR_FILENO, "\n", 1);
    }
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

/* ---- files ---- */

static void read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct input *input = &inputs[input_count++];

    CHECK(file != NULL && input_count < FILES_MAX);
    input->data = malloc(INPUT_MAX);
    CHECK(input->data != NULL);
    input->size = fread(input->data, 1, INPUT_MAX, file);
    (void)fclose(file);
}

/* A block of the exact size, so that a sanitizer sees where it ends. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);

    CHECK(exact != NULL);
    if (size > 0)
        memcpy(exact, data, size);
    running = exact;
    running_size = size;
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void run_file(const char *path)
{
    read_file(path);
    run(inputs[input_count - 1].data, inputs[input_count - 1].size);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void run_corpus(const char *directory)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, alphasort);

    CHECK(count > 0);
    for (int i = 0; i < count; i++) {
        char path[512];
        (void)snprintf(
                path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        run_file(path);
        free(entries[i]);
    }
    free(entries);
}

/* ---- mutations ---- */

static uint8_t byte_of(struct rng *rng)
{
    static const uint8_t telling[] = {
            0, 1, 0x7f, 0x80, 0xff, '0', '9', '-', '.', ':', ',', ' ', '\n'};

    return rng_below(rng, 2) == 0
            ? telling[rng_below(rng, (uint32_t)ARRAY_COUNT(telling))]
            : (uint8_t)rng_u32(rng);
}

static size_t place_in(struct rng *rng, size_t size)
{
    return rng_below(rng, (uint32_t)size + 1);
}

static void set_number(struct rng *rng, struct input *input)
{
    static const double telling[] = {0.0, -1.0, 1e15, -1e15, 1e300, 1e-300};
    size_t at = place_in(rng, input->size);

    if (input->size - at < sizeof(double))
        return;
    memcpy(input->data + at,
            &telling[rng_below(rng, (uint32_t)ARRAY_COUNT(telling))],
            sizeof(double));
}

/* Makes room for `size` bytes at a place, or takes them away. */
static void shift(struct input *input, size_t at, size_t away, size_t size)
{
    if (away > input->size - at)
        away = input->size - at;
    if (input->size - away + size > INPUT_MAX)
        return;
    memmove(input->data + at + size, input->data + at + away,
            input->size - at - away);
    input->size = input->size - away + size;
}

static void insert(struct rng *rng, struct input *input)
{
    size_t size = 1 + rng_below(rng, INSERT_MAX);
    size_t at = place_in(rng, input->size), before = input->size;

    shift(input, at, 0, size);
    for (size_t i = 0; input->size > before && i < size; i++)
        input->data[at + i] = byte_of(rng);
}

/* A piece of another input, over what is there or between it. */
static void graft(struct rng *rng, struct input *input)
{
    const struct input *other = &inputs[rng_below(rng, (uint32_t)input_count)];
    size_t from = place_in(rng, other->size);
    size_t size = place_in(rng, other->size - from);
    size_t at = place_in(rng, input->size), before = input->size;
    size_t away = rng_below(rng, 2) == 0 ? 0 : size;

    if (before + size > INPUT_MAX)
        return;
    shift(input, at, away, size);
    memcpy(input->data + at, other->data + from, size);
}

static void edit(struct rng *rng, struct input *input)
{
    size_t at = place_in(rng, input->size);

    switch (rng_below(rng, 6)) {
    case 0:
        if (at < input->size)
            input->data[at] ^= (uint8_t)(1u << rng_below(rng, 8));
        break;
    case 1:
        if (at < input->size)
            input->data[at] = byte_of(rng);
        break;
    case 2:
        insert(rng, input);
        break;
    case 3:
        shift(input, at, 1 + rng_below(rng, INSERT_MAX), 0);
        break;
    case 4:
        graft(rng, input);
        break;
    default:
        set_number(rng, input);
    }
}

static void run_mutations(void)
{
    static uint8_t block[INPUT_MAX];

    for (uint32_t i = 0; i < fuzz_mutations; i++) {
        struct rng rng = rng_keyed(1, i, RNG_TEST);
        const struct input *seed =
                &inputs[rng_below(&rng, (uint32_t)input_count)];
        struct input input = {block, seed->size};
        uint32_t edits = 1 + rng_below(&rng, EDITS_MAX);
        memcpy(block, seed->data, seed->size);
        for (; edits > 0; edits--)
            edit(&rng, &input);
        run(input.data, input.size);
    }
}

/* ---- the program ---- */

/* tests/fuzz/corpus/NAME of a program .../fuzz_NAME */
static void corpus_of(const char *program, char *out, size_t size)
{
    const char *name = strstr(program, "fuzz_");
    const char *next;

    CHECK(name != NULL);
    while ((next = strstr(name + 1, "fuzz_")) != NULL)
        name = next;
    (void)snprintf(out, size, "tests/fuzz/corpus/%s", name + strlen("fuzz_"));
}

int main(int argc, char **argv)
{
    char corpus[256];

    (void)snprintf(failed_path, sizeof(failed_path), "%s.failed", argv[0]);
    CHECK(signal(SIGABRT, leave_input) != SIG_ERR);
    CHECK(signal(SIGSEGV, leave_input) != SIG_ERR);
    for (int i = 1; i < argc; i++)
        run_file(argv[i]);
    if (argc == 1) {
        corpus_of(argv[0], corpus, sizeof(corpus));
        run_corpus(corpus);
        run_mutations();
    }
    printf("%zu files, %u mutations\n", input_count,
            argc == 1 ? fuzz_mutations : 0);
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].data);
    return 0;
}
