/*
 * processes/proxy.h - what stands between the devices and headquarters: it passes bytes of TCP connections on, below TLS,
 * and does to them what bad networks do.
 *
 * Each connection gets a pace (delay, chunks of some size, a rate) and perhaps one blow. Blows are dealt from a shuffled
 * deck, so that each kind comes often; one that did not strike, because its connection ended before, is dealt again.
 * Where it strikes is drawn uniformly over the bytes of a connection as they were of late.
 *
 * The proxy looks at the heads of TLS records, which are in clear: it has to know where the device's request begins, and
 * which bits of a record nobody is obliged to look at. It can read nothing else.
 *
 * One thread; nothing blocks. proxy_poll fills in what to wait for, proxy_turn does what can be done.
 */
#ifndef ROVE_PROCESSES_PROXY_H
#define ROVE_PROCESSES_PROXY_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "chance.h"

#define PROXY_BLOW_TABLE(X)                                                                        \
    X(NONE, "passed on whole")                                                                     \
    X(CUT_UP, "cut on the way up")                                                                 \
    X(CUT_DOWN, "cut on the way down")                                                             \
    X(UNANSWERED, "cut when all of the request had come and none of the answer")                   \
    X(CLOSED_UP, "ended on the way up as if all had come")                                         \
    X(CLOSED_DOWN, "ended on the way down as if all had come")                                     \
    X(DEAF_UP, "half open: nothing goes up any more")                                              \
    X(DEAF_DOWN, "half open: nothing comes down any more")                                         \
    X(FLIP_UP, "one bit changed on the way up")                                                    \
    X(FLIP_DOWN, "one bit changed on the way down")                                                \
    X(REPLAY_UP, "sent to headquarters a second time")                                             \
    X(REPLAY_DOWN, "answered with what headquarters said to another connection")                   \
    X(KILL_OFFICE, "headquarters killed in the middle of it")                                      \
    X(KILL_DEVICE, "the device killed in the middle of it")

typedef enum proxy_blow {
#define PROXY_BLOW_VALUE(name, sentence) PROXY_##name,
    PROXY_BLOW_TABLE(PROXY_BLOW_VALUE)
#undef PROXY_BLOW_VALUE
        PROXY_BLOWS
} proxy_blow;

typedef struct proxy proxy;

typedef struct proxy_events {
    /* PROXY_KILL_OFFICE or PROXY_KILL_DEVICE struck. */
    void (*struck)(void *ctx, proxy_blow blow);
    /* Something happened that must not: TLS took what it has to refuse. */
    void (*wrong)(void *ctx, const char *what);
    void *ctx; /* borrowed */
} proxy_events;

typedef struct proxy_counts {
    unsigned
        blows[PROXY_BLOWS]; /* that struck; [PROXY_NONE]: connections that ended by themselves */
    unsigned connections;
    unsigned delayed; /* connections by their pace */
    unsigned chopped;
    unsigned throttled;
    unsigned turned_away; /* headquarters was down */
    uint64_t bytes;
} proxy_counts;

/* Listens on a port of the system's choice. NULL: it cannot. */
proxy *proxy_new(uint64_t seed, proxy_events events);
void proxy_free(proxy *self);
uint16_t proxy_port(const proxy *self);

/* Where headquarters listens; 0: nowhere, so who comes is turned away. */
void proxy_upstream(proxy *self, uint16_t port);

/* Calm: new connections are passed on as they are, and those that have a pace or a blow are cut now. */
void proxy_calm(proxy *self, int calm);

/* 1 while something is held back or was struck, so that its end is the proxy's affair. */
size_t proxy_poll(const proxy *self, struct pollfd *out, size_t capacity);
/* When to come back at the latest, in milliseconds of the boot clock; INT64_MAX: when something can be read. */
int64_t proxy_due_ms(const proxy *self);
void proxy_turn(proxy *self);

const proxy_counts *proxy_counted(const proxy *self);

/* Milliseconds since the machine was started. */
int64_t now_ms(void);

#endif
