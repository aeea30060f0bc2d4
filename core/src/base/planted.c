/*
 * base/planted.c - see planted.h.
 */
#include "base/planted.h"

#ifdef ROVE_PLANTS
#include <string.h>

rove__plant rove__planted = ROVE_PLANT_NONE;

int rove__plant_named(const char *name) {
    static const char *const names[] = {"",
#define ROVE_PLANT_NAME(name, sentence) #name,
                                        ROVE_PLANT_TABLE(ROVE_PLANT_NAME)
#undef ROVE_PLANT_NAME
    };

    for (int i = 1; name != NULL && i < ROVE_PLANT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            rove__planted = (rove__plant)i;
            return 1;
        }
    }
    return name == NULL;
}
#endif
