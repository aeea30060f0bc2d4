/*
 * sim/mvcc_crew.c - see mvcc_crew.h.
 */
#include "mvcc_crew.h"

#include <stdlib.h>

void crew_add(crew *c, const mvcc_server *server, void (*work)(void *ctx), void *ctx) {
    if (c->count == CREW_MAX) {
        abort();
    }
    c->members[c->count++] = (crew_member){.server = server, .work = work, .ctx = ctx};
}

static int can_go_on(const crew_member *m) {
    return !m->done && !mvcc_server_waits(m->server);
}

/* The next one after whoever runs; the count: nobody. */
static size_t next_one(const crew *c) {
    for (size_t i = 1; i <= c->count; i++) {
        size_t member = (c->running + i) % c->count;
        if (can_go_on(&c->members[member])) {
            return member;
        }
    }
    return c->count;
}

static void begin(unsigned high, unsigned low) {
    crew *c = (crew *)(((uintptr_t)high << 32) | low); /* makecontext passes ints only */
    crew_member *m = &c->members[c->running];

    m->work(m->ctx);
    m->done = 1;
    (void)setcontext(&c->caller);
}

/* 1 if a turn is due at this step. */
static int turn_is_due(crew *c, size_t *member) {
    if (c->turn == c->turn_count || c->turns[c->turn].step > c->steps) {
        return 0;
    }
    *member = c->turns[c->turn++].member;
    return can_go_on(&c->members[*member]);
}

static void note_step(crew *c) {
    unsigned able = 0;

    for (size_t i = 0; i < c->count; i++) {
        able |= i != c->running && can_go_on(&c->members[i]) ? 1u << i : 0;
    }
    c->steps++;
    if (c->steps <= CREW_STEPS_MAX) {
        c->able[c->steps - 1] = (uint8_t)able;
    }
}

void crew_yield(void *ctx, const mvcc_server *server) {
    crew *c = ctx;
    crew_member *m = &c->members[c->running];
    size_t next = c->count;

    if (c->count == 0 || m->server != server || mvcc_server_is_quiet(server)) {
        return;
    }
    note_step(c);
    if (c->watch != NULL) {
        c->watch(c->watch_ctx);
    }
    if (!turn_is_due(c, &next)) {
        if (can_go_on(m)) {
            return;
        }
        next = c->count; /* whoever can */
    }
    c->running = next < c->count ? next : c->running;
    (void)swapcontext(&m->context, &c->caller);
}

static void prepare(crew *c, crew_member *m) {
    m->stack = malloc(CREW_STACK_SIZE);
    if (m->stack == NULL || getcontext(&m->context) != 0) {
        abort();
    }
    m->context.uc_stack.ss_sp = m->stack;
    m->context.uc_stack.ss_size = CREW_STACK_SIZE;
    makecontext(&m->context, (void (*)(void))begin, 2, (unsigned)((uintptr_t)c >> 32),
                (unsigned)(uintptr_t)c);
}

int crew_run(crew *c, size_t first, const crew_turn *turns, size_t turn_count) {
    size_t next = first;

    c->turns = turns;
    c->turn_count = turn_count;
    for (size_t i = 0; i < c->count; i++) {
        prepare(c, &c->members[i]);
    }
    while (next < c->count) {
        c->running = next;
        (void)swapcontext(&c->caller, &c->members[next].context);
        next = can_go_on(&c->members[c->running]) ? c->running : next_one(c);
    }
    int done = 1;
    for (size_t i = 0; i < c->count; i++) {
        done &= c->members[i].done;
        free(c->members[i].stack);
    }
    c->count = 0;
    return done;
}
