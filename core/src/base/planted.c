/*
 * base/planted.c - see planted.h.
 */
#include "base/planted.h"

#ifdef ROVE_PLANTS
rove__plant rove__planted = ROVE_PLANT_NONE;
#endif
