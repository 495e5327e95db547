/* rue export: a log in the formats of others, or as it is. */
#include "cli/options.h"
#include "formats/write.h"
#include "proto/record_json.h"
#include "replay/model_line.h"
#include "service/engine/problem.h"
#include "storage/ledger.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES    ((size_t)64 << 20)
#define SPEC_BYTES     ((size_t)16 << 20)
#define LINE_BYTES     ((size_t)32 << 20)
#define PROGRESS_EVERY 65536u

static void print_help(void)
{
    puts("usage: rue export FORMAT DIR [--problem NAME]\n"
         "\n"
         "Writes the log of a store to standard output. The service may be\n"
         "running; what it commits meanwhile is not written.\n"
         "\n"
         "Formats:\n"
         "  rue      every record, a JSON object a line; `rue import rue` makes\n"
         "           the same log of it");
    for (size_t i = 0; i < writing_count; i++)
        printf("  %-8s %s\n", writings[i]->name, writings[i]->sentence);
    puts("\n"
         "  --problem NAME  of this problem; needed, but for rue, if there are\n"
         "                  several\n"
         "\n"
         "Decisions are written with the value that their event has now. Those\n"
         "that a format cannot hold are counted on standard error.\n"
         "\n"
         "Example:\n"
         "  rue export csv /var/lib/rue --problem checkout > checkout.csv");
}

struct export_command {
    const struct writing *writing; /* NULL: rue */
    const char *directory, *problem;
    struct ledger_reader reader;
    uint32_t number; /* of the problem; 0 = all */
    struct problem_spec spec;
    struct arena arena, specs;
    uint8_t *line; /* [LINE_BYTES] */
    uint64_t last, left_out;
    bool begun;
};

/* ---- what the log is read with ---- */

static int spec_of_problem(
        struct export_command *command, uint64_t sequence, struct err *err)
{
    struct log_entry entry;
    union any_record record;
    int status = log_get(command->reader.txn, sequence, &entry, err);

    if (status == 0)
        status = record_decode(
                entry.kind, entry.payload, &command->arena, &record, err);
    if (status == 0 && entry.kind != RECORD_CONFIG)
        status = err_set(err, STATUS_CORRUPT, "its config is another record");
    if (status != 0)
        return err_prefix(err, "the problem's settings");
    return problem_spec_parse_text(&command->spec, record.config.name,
            record.config.settings, &command->specs, err);
}

/* The only problem, where none is named. */
static int only_problem(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct export_command *command = self;

    (void)name;
    (void)config;
    if (command->number != 0)
        return err_set(err, STATUS_INVALID,
                "the store has several problems: name one (--problem)");
    command->number = number;
    return 0;
}

static int find_problem(struct export_command *command, struct err *err)
{
    struct bytes name;
    uint64_t config;
    int status;

    if (command->problem == NULL && command->writing == NULL)
        return 0;
    if (command->problem != NULL) {
        name = bytes_of_text(command->problem);
    } else {
        status = ledger_reader_problems(
                &command->reader, only_problem, command, err);
        if (status == 0 && command->number == 0)
            status = err_set(err, STATUS_NOT_FOUND, "the store has no problem");
        if (status == 0)
            status = ledger_reader_problem_name(
                    &command->reader, command->number, &name, err);
        if (status != 0)
            return status;
    }
    status = ledger_reader_problem(
            &command->reader, name, &command->number, &config, err);
    if (status == STATUS_NOT_FOUND)
        return err_set(err, STATUS_NOT_FOUND, "there is no problem '%s'",
                command->problem);
    return status == 0 && command->writing != NULL
            ? spec_of_problem(command, config, err)
            : status;
}

/* ---- writing ---- */

static int flush_line(
        struct export_command *command, struct writer *writer, struct err *err)
{
    (void)command;
    if (writer->failed)
        return err_set(err, STATUS_INVALID, "an event is too large to write");
    if (fwrite(writer->data, 1, writer->size, stdout) != writer->size)
        return err_set(err, STATUS_IO, "standard output: cannot be written");
    return 0;
}

static int write_model_line(void *self, struct bytes line, struct err *err)
{
    (void)self;
    if (fwrite(line.data, 1, line.size, stdout) != line.size)
        return err_set(err, STATUS_IO, "standard output: cannot be written");
    return 0;
}

/* What a promotion needs, before it. A model that is gone is not written, and
 * the import refuses the record. */
static int write_model(struct export_command *command,
        const struct log_entry *entry, uint32_t number, struct bytes problem,
        struct err *err)
{
    union any_record record;
    int status = record_decode(
            entry->kind, entry->payload, &command->arena, &record, err);

    if (status != 0 || !stage_has_model(record.promotion.stage))
        return status;
    status = model_lines_write(command->reader.txn, number, problem,
            record.promotion.generation, write_model_line, NULL, err);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int write_record(struct export_command *command,
        const struct log_entry *entry, uint32_t number, struct err *err)
{
    struct writer writer = writer_over(command->line, LINE_BYTES);
    struct bytes problem;
    int status =
            ledger_reader_problem_name(&command->reader, number, &problem, err);

    if (status == STATUS_NOT_FOUND)
        return err_set(err, STATUS_CORRUPT, "its problem is not known");
    if (status == 0 && entry->kind == RECORD_PROMOTION)
        status = write_model(command, entry, number, problem, err);
    if (status == 0)
        status = record_to_json(entry->kind, entry->payload, problem,
                &command->arena, &writer, err);
    if (status != 0)
        return status;
    write_u8(&writer, '\n');
    return flush_line(command, &writer, err);
}

/* What the event has come to: what was learned, or what is held. An outcome of
 * another action than the chosen one is none of the chosen one. */
static int outcome_of(struct export_command *command,
        const struct decision_record *decision, struct told *told,
        struct err *err)
{
    struct event_state state;
    int status = event_get(command->reader.txn, decision->head.problem,
            decision->head.event, &state, err);

    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0)
        return status;
    told->has_value =
            (state.learned || state.has_reward) && !shown_given(&state.shown);
    told->value = state.learned ? state.taught : state.reward;
    return 0;
}

static int write_decision(struct export_command *command,
        const struct log_entry *entry, struct err *err)
{
    const struct problem_spec *spec = &command->spec;
    struct writer writer = writer_over(command->line, LINE_BYTES);
    union any_record record;
    struct told told = {
            .decision = &record.decision,
            .catalogue = spec->catalogue,
            .slots = spec->slots,
            .columns = spec->columns,
            .column_count = spec->column_count,
            .minimise = spec->settings.objective == OBJECTIVE_MINIMISE,
    };
    int status = record_decode(
            entry->kind, entry->payload, &command->arena, &record, err);

    if (status == 0)
        status = outcome_of(command, &record.decision, &told, err);
    if (status != 0)
        return status;
    if (record.decision.question.shared.columns != spec->column_count) {
        command->left_out++; /* of a time when there were other columns */
        return 0;
    }
    if (!command->begun && command->writing->head != NULL)
        command->writing->head(&told, &writer);
    command->begun = true;
    status = command->writing->event(&told, &writer, err);
    command->left_out += status == STATUS_INVALID;
    if (status != 0 && status != STATUS_INVALID)
        return status;
    return flush_line(command, &writer, err);
}

static int write_entry(struct export_command *command,
        const struct log_entry *entry, struct err *err)
{
    uint32_t number;

    arena_reset(&command->arena);
    if (!record_peek_problem(entry->payload, &number))
        return err_set(err, STATUS_CORRUPT, "names no problem");
    if (command->number != 0 && number != command->number)
        return 0;
    if (command->writing == NULL)
        return write_record(command, entry, number, err);
    return entry->kind == RECORD_DECISION ? write_decision(command, entry, err)
                                          : 0;
}

static int write_log(struct export_command *command, struct err *err)
{
    struct log_cursor cursor;
    struct log_entry entry;
    int status = log_last(command->reader.txn, &command->last, err);

    if (status == 0)
        status = log_cursor_open(&cursor, command->reader.txn, 1, err);
    if (status != 0)
        return status;
    while ((status = log_cursor_next(&cursor, &entry, err)) == 0) {
        status = write_entry(command, &entry, err);
        if (status != 0) {
            (void)err_prefix(err, "record %" PRIu64, entry.sequence);
            break;
        }
        if (entry.sequence % PROGRESS_EVERY == 0)
            cli_progress("exporting", entry.sequence, command->last);
    }
    log_cursor_close(&cursor);
    if (status == STATUS_NOT_FOUND && fflush(stdout) != 0)
        return err_set(err, STATUS_IO, "standard output: cannot be written");
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int run(struct export_command *command, struct err *err)
{
    struct store_settings settings = {.read_only = true};
    struct ledger *ledger;
    int status = ledger_open(command->directory, &settings, &ledger, err);

    if (status != 0)
        return status;
    command->arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    command->specs = arena_over(malloc(SPEC_BYTES), SPEC_BYTES);
    command->line = malloc(LINE_BYTES);
    status = command->arena.data == NULL || command->specs.data == NULL ||
                    command->line == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : ledger_reader_open(ledger, &command->reader, err);
    if (status == 0) {
        status = find_problem(command, err);
        if (status == 0)
            status = write_log(command, err);
        ledger_reader_close(&command->reader);
    }
    free(command->arena.data);
    free(command->specs.data);
    free(command->line);
    ledger_close(ledger);
    return status;
}

int cmd_export(int argc, char **argv)
{
    static struct export_command command;
    const struct cli_option options[] = {
            CLI_TEXT("problem", &command.problem),
            CLI_HELP_OF(print_help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);
    struct err err = {STATUS_OK, ""};

    if (status >= 0)
        return status;
    if (optind + 2 != argc)
        return cli_usage("export", "name the format and the store's directory");
    command.writing = writing_find(argv[optind]);
    if (command.writing == NULL && strcmp(argv[optind], "rue") != 0)
        return cli_usage("export", "there is no format '%s'", argv[optind]);
    command.directory = argv[optind + 1];
    if (run(&command, &err) != 0)
        return cli_fail("export", &err);
    if (command.left_out > 0)
        fprintf(stderr,
                "rue export: %" PRIu64
                " decisions are left out: the format cannot hold them\n",
                command.left_out);
    return 0;
}
