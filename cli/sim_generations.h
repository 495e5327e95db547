/* `rue sim payments --generations N`: retraining, generation by generation. */
#ifndef CLI_SIM_GENERATIONS_H
#define CLI_SIM_GENERATIONS_H

#include <stdbool.h>

/* Is this what the arguments of `rue sim` ask for? */
bool sim_generations_wanted(int argc, char **argv);
int sim_generations(int argc, char **argv);

#endif
