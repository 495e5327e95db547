/* The policy of a problem that names none (`policy: auto`): a documented choice
 * by the problem's shape, without anything to tune.
 *
 * | the problem | oracle | explorer |
 * | --- | --- | --- |
 * | duels over dense columns, up to 512 in phi | ridge, with products of the
 *   context with the action where they are not too many | squarecb |
 * | paths | none: the learner needs to know the graph | - |
 * | predicts a number | ridge; with groups groupwise of it | - |
 * | groups | groupwise of ridge | squarecb, gamma_scale 30 |
 * | dense columns, up to 512 in phi | blend of ridge, with products of columns
 *   where they are not too many; of a catalogue optimism 3 and near_constant
 *   for up to 4 actions, optimism 2 for up to 8, optimism 1 for more without
 *   products | regcb, c0 0.005; with a floor
 *   squarecb, gamma_scale 30 |
 * | | otherwise (named features, many columns) | linear | squarecb |
 *
 * regcb plays one action with certainty, so its log supports no evaluation of
 * other policies: a problem whose log is to be evaluated sets a floor, and then
 * every action keeps a probability that is worth something.
 *
 * The numbers behind it are in docs/auto.md. */
#ifndef POLICIES_AUTO_H
#define POLICIES_AUTO_H

#include "base/types.h"

#include <stdbool.h>

struct auto_setting {
    const char *key, *value;
    bool explorer; /* belongs to the explorer, else to the oracle */
};

#define AUTO_SETTINGS_MAX 10u

/* Writes the settings of the choice; returns how many. `floor`: every action
 * is to keep a probability. */
uint32_t auto_settings(const struct shape *shape, bool floor,
        struct auto_setting out[AUTO_SETTINGS_MAX]);

#endif
