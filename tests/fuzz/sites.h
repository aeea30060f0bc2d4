/*
 * fuzz/sites.h - a headquarters in memory (support/site.h) that begins every input in the same state.
 */
#ifndef ROVE_TESTS_FUZZ_SITES_H
#define ROVE_TESTS_FUZZ_SITES_H

#include "fuzz.h"
#include "site.h"

/* Opens it, or empties it: all but the keys, which take long to make. */
static inline void site_afresh(site *s) {
    if (s->registry == NULL) {
        site_open(s);
        return;
    }
    fuzz_check(s->files.open == 0);
    memory_headquarters_free(s->hq);
    rove__registry_free(s->registry);
    rove__arena_free(&s->arena);
    fuzz_check(s->h.alive == 0);
    s->h = (heap){0};
    s->seed = 1;
    s->now_ms = SITE_NOW;
    s->page_rows = 0;
    s->ack_bytes = 0;
    fuzz_check(rove__registry_new(&s->allocator, &s->registry) == ROVE_OK);
    s->hq = memory_headquarters_new(&s->allocator);
    s->store = memory_headquarters_store(s->hq);
    s->ports.registry = s->registry;
    s->ports.store = s->store;
}

#endif
