/* What a problem does about alarms of drift (on_drift), beside recording them.
 *
 * Its state is a fold of the Alarm and Promotion records and of the number of
 * outcomes learned, so a replay falls back at the same decisions. Of the
 * settings only those of state_digest enter the fold.
 *
 * Alarms that say that the policy's ground has moved count: of the reward of
 * the problem or of a group, of residuals, weighted or not, and of optimism
 * above what comes in. (An action's own reward is for the circuit breaker;
 * inputs and shares of actions may move without harm.) Lost or late feedback
 * looks like a collapse: an alarm of join or delay explains away those that are
 * near it.
 *
 * Hysteresis: when the fallback begins and when it ends, rewards and residuals
 * change because of that. So while it decides, and as long again afterwards,
 * only weighted alarms count, which do not depend on who decides. */
#ifndef ENGINE_RESPONSE_H
#define ENGINE_RESPONSE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/time.h"

struct alarm_record;
struct problem;
struct problem_settings;

struct response {
    bool alarmed; /* and another generation has not come to serve since */
    nanos time; /* of the newest alarm that counts */
    uint64_t alarmed_at; /* outcomes learned by then */
    bool explained;
    uint64_t explained_at; /* the same of the newest of join and delay */
};

/* An Alarm record, when so many outcomes were learned. */
void response_alarm(struct response *response,
        const struct problem_settings *settings,
        const struct alarm_record *alarm, uint64_t learned);
/* Another generation serves. */
void response_served(struct response *response);

/* Is there an alarm that nothing explains away? */
bool response_holds(const struct response *response,
        const struct problem_settings *settings);
/* Does the fallback decide now? */
bool response_falls_back(const struct response *response,
        const struct problem_settings *settings, uint64_t learned);

void response_save(const struct response *response, struct writer *writer);
bool response_load(struct response *response, struct reader *reader);

#endif
