/* Every compile-time maximum, with its reason, and the asserts that relate
 * them. What an operator may change is a setting (service/settings.h). */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stdint.h>

/* One request frame on the wire. */
#define MESSAGE_BYTES_MAX ((size_t)1 << 20)
/* Items (decides + feedbacks + activates) of one request. */
#define REQUEST_ITEMS_MAX 1024u
/* Actions of one decision, and of a catalogue. */
#define ACTIONS_MAX 1024u
/* Actions of all decides of one request together: what the client unpacks of
 * the reply stays below its 16 MiB. */
#define REQUEST_PLACES_MAX 131072u
/* Dense columns of a context or an action. */
#define COLUMNS_MAX 4096u
/* Named features of one context or action. */
#define NAMED_MAX 1024u
/* Named features of one decide, over its context and all its actions: what is
 * logged must fit into a problem's scratch memory when it is read back. */
#define NAMED_TOTAL_MAX 32768u
/* Groups of a problem. */
#define GROUPS_MAX 1024u
/* Bytes of an event id, feedback id, action id, group or problem name. The
 * longest key of the store (511) must hold a problem and an event id. */
#define ID_BYTES_MAX 64u
/* Feedbacks that one event remembers, to tell repeated from new ones. */
#define FEEDBACKS_MAX 64u
/* Named numbers of one feedback, and of an event over all its feedback. */
#define FIELDS_MAX 16u
/* Problems of one service. */
#define PROBLEMS_MAX 65536u
/* Largest absolute value of a feature, reward, label or cost: its square
 * still has 1e270 of room. */
#define VALUE_MAX 1e15
/* Smallest probability with which an action can have been drawn: any loss
 * divided by it is finite, and so are their sums. */
#define PROBABILITY_MIN 1e-200
/* Largest probability with which decisions were left out of an imported log:
 * one of them stands for at most a million. */
#define PDROP_MAX 0.999999
/* Bytes of records and models that an import writes in one transaction, about;
 * the store has twice as many in pages in memory until it ends. */
#define IMPORT_BATCH_BYTES ((uint64_t)128 << 20)
/* Options of one policy. */
#define OPTIONS_MAX 64u

_Static_assert(4 + ID_BYTES_MAX <= 511, "an event key fits into the store");
_Static_assert(ACTIONS_MAX <= UINT16_MAX, "an action index fits 16 bits");
_Static_assert(GROUPS_MAX <= UINT16_MAX, "a group index fits 16 bits");

/* Reasons of a guard's decision: 0 .. this (policies/guard.h). */
#define GUARD_MAX 2u

#endif
