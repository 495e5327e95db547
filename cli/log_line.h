/* A record of the log on a line, for people and as a JSON object. */
#ifndef CLI_LOG_LINE_H
#define CLI_LOG_LINE_H

#include "cli/cli.h"
#include "proto/record.h"

/* "2026-11-27T20:14:05.123456Z" */
void log_line_time(nanos time);
/* What a kind says beside time, kind, problem and event: " key=value ...". */
void log_line_details(const union any_record *record);
/* The object; the caller frees it. */
json_t *log_line_json(uint64_t sequence, struct bytes problem,
        const union any_record *record);

#endif
