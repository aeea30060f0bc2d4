/*
 * processes/proxy.c - see proxy.h.
 *
 * A passage is a connection: two lanes, up and down. A lane holds at most one chunk: it reads when it is empty, and writes when the pace
 * allows. Everything is tried at each turn, on sockets that do not block; poll only says when to try again.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PASSAGES_MAX 32
#define CHUNK_MAX    16384
#define RECORD_MAX   (256 * 1024) /* of a connection that is kept to be sent again */
#define LENGTHS      16           /* of connections of late, for where to strike */
#define RECORD_HEAD  5            /* of a TLS record: type, version, size */

/* What TLS may say when it refuses: an alert, which is encrypted by then. */
#define ALERT_BYTES_MAX 64

enum { TLS_DATA = 23 };

/* Follows the records of one direction. */
typedef struct records {
    uint8_t head[RECORD_HEAD];
    size_t in_head; /* bytes of the head that have passed */
    size_t left;    /* bytes of the record that have not */
    unsigned data;  /* records that began of type TLS_DATA: the encrypted ones */
} records;

typedef struct lane {
    int from;
    int to;
    uint8_t bytes[CHUNK_MAX];
    size_t start;
    size_t end;
    int64_t ready_ms;
    uint64_t passed;
    uint64_t strike_at; /* so many bytes pass before the blow; UINT64_MAX: none in this lane */
    records seen;
    int ended; /* nothing more comes */
    int shut;  /* and that was passed on */
    int deaf;  /* what comes is dropped */
} lane;

typedef struct tape {
    uint8_t *bytes;
    size_t size;
    int broken; /* it had more than a tape holds */
} tape;

typedef struct pace {
    int delay_ms;
    size_t chunk;
    int rate; /* bytes a millisecond; 0: any */
} pace;

typedef struct passage {
    int used;
    lane up;
    lane down;
    pace pace;
    proxy_blow blow;
    int struck;
    unsigned bit;       /* to flip */
    int64_t give_up_ms; /* it is cut then; INT64_MAX: never */
    uint64_t held;      /* UNANSWERED: bytes of the answer that were not passed on */
    uint64_t
        up_at_flight; /* bytes that had gone down when the device's first encrypted record came */
    tape said;        /* all that went up, or for a replay: what is sent */
    tape heard;
    int is_replay; /* its other end is the proxy itself */
} passage;

struct proxy {
    int listener;
    uint16_t port;
    uint16_t upstream;
    int calm;
    chance luck;
    proxy_events events;
    proxy_counts counts;
    passage passages[PASSAGES_MAX];
    proxy_blow deck[PROXY_BLOWS];
    size_t dealt;
    uint64_t lengths[2][LENGTHS];
    unsigned lengths_seen;
    uint64_t flight_max; /* bytes of headquarters' half of a handshake */
    tape answer;         /* of a connection that ended well, for REPLAY_DOWN */
};

int64_t now_ms(void) {
    struct timespec at = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* ---- tapes and records ---------------------------------------------------------------------------------- */

static void tape_add(tape *self, const uint8_t *bytes, size_t size) {
    if (self->broken || self->size + size > RECORD_MAX) {
        self->broken = 1;
        return;
    }
    uint8_t *larger = realloc(self->bytes, self->size + size);
    if (larger == NULL) {
        self->broken = 1;
        return;
    }
    self->bytes = larger;
    memcpy(self->bytes + self->size, bytes, size);
    self->size += size;
}

static void tape_drop(tape *self) {
    free(self->bytes);
    *self = (tape){NULL, 0, 0};
}

static void records_pass(records *self, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        if (self->left > 0) {
            size_t part = size < self->left ? size : self->left;
            self->left -= part;
            bytes += part;
            size -= part;
            continue;
        }
        self->head[self->in_head++] = *bytes++;
        size--;
        if (self->in_head == RECORD_HEAD) {
            self->left = (size_t)self->head[3] * 256 + self->head[4];
            self->data += self->head[0] == TLS_DATA;
            self->in_head = 0;
        }
    }
}

/* Whether the next byte is the version of a record in clear: TLS 1.3 says that nobody looks at it. */
static int records_at_version(const records *self) {
    return self->left == 0 && (self->in_head == 1 || self->in_head == 2) &&
           self->head[0] != TLS_DATA;
}

/* ---- passages ---------------------------------------------------------------------------------------------- */

static void set_up_socket(int fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* With a reset instead of an end, if it is cut. */
static void close_socket(int fd, int cut) {
    struct linger at_once = {1, 0};
    if (fd >= 0) {
        if (cut) {
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        (void)close(fd);
    }
}

static void passage_close(passage *self, int cut) {
    close_socket(self->up.from, cut);
    close_socket(self->up.to, cut);
    tape_drop(&self->said);
    tape_drop(&self->heard);
    self->used = 0;
}

static void lane_open(lane *self, int from, int to) {
    self->from = from;
    self->to = to;
    self->start = self->end = 0;
    self->ready_ms = 0;
    self->passed = 0;
    self->strike_at = UINT64_MAX;
    memset(&self->seen, 0, sizeof self->seen);
    self->ended = self->shut = self->deaf = 0;
}

static passage *passage_new(proxy *self, int client, int server) {
    for (size_t i = 0; i < PASSAGES_MAX; i++) {
        passage *one = &self->passages[i];
        if (!one->used) {
            lane_open(&one->up, client, server);
            lane_open(&one->down, server, client);
            one->used = 1;
            one->pace = (pace){0, CHUNK_MAX, 0};
            one->blow = PROXY_NONE;
            one->struck = one->is_replay = 0;
            one->give_up_ms = INT64_MAX;
            one->held = one->up_at_flight = 0;
            one->said = one->heard = (tape){NULL, 0, 0};
            return one;
        }
    }
    return NULL;
}

static int connect_upstream(const proxy *self) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(self->upstream)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = self->upstream != 0 ? socket(AF_INET, SOCK_STREAM, 0) : -1;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        (void)close(fd);
        fd = -1;
    }
    if (fd >= 0) {
        set_up_socket(fd);
    }
    return fd;
}

/* ---- what happens to a passage ------------------------------------------------------------------------------- */

static proxy_blow deal(proxy *self) {
    if (self->dealt == 0) {
        for (unsigned i = 0; i < PROXY_BLOWS; i++) {
            unsigned k = chance_below(&self->luck, i + 1);
            self->deck[i] = self->deck[k];
            self->deck[k] = (proxy_blow)i;
        }
        self->dealt = PROXY_BLOWS;
    }
    return self->deck[--self->dealt];
}

/* It did not strike: it comes again, before the deck goes on. */
static void take_back(proxy *self, proxy_blow blow) {
    if (self->dealt < PROXY_BLOWS) {
        size_t place = self->dealt > 0 ? chance_below(&self->luck, (unsigned)self->dealt + 1) : 0;
        memmove(&self->deck[place + 1], &self->deck[place],
                (self->dealt - place) * sizeof self->deck[0]);
        self->deck[place] = blow;
        self->dealt++;
    }
}

static uint64_t draw_place(proxy *self, int way) {
    unsigned count = self->lengths_seen < LENGTHS ? self->lengths_seen : LENGTHS;
    uint64_t length = count > 0 ? self->lengths[way][chance_below(&self->luck, count)] : 3000;
    return chance_next(&self->luck) % (length + 1);
}

static void draw_pace(proxy *self, passage *one) {
    if (chance_of(&self->luck, 40)) {
        one->pace.delay_ms = chance_between(&self->luck, 1, 30);
        self->counts.delayed++;
    }
    if (chance_of(&self->luck, 30)) {
        one->pace.chunk = chance_of(&self->luck, 30) ? (size_t)chance_between(&self->luck, 1, 8)
                                                     : (size_t)chance_between(&self->luck, 9, 900);
        self->counts.chopped++;
    }
    if (chance_of(&self->luck, 20)) {
        one->pace.rate = chance_between(&self->luck, 8, 200);
        self->counts.throttled++;
    }
}

static void draw_blow(proxy *self, passage *one) {
    one->blow = chance_of(&self->luck, 70) ? deal(self) : PROXY_NONE;
    one->bit = chance_below(&self->luck, 8);
    switch (one->blow) {
    case PROXY_CUT_UP:
    case PROXY_CLOSED_UP:
    case PROXY_DEAF_UP:
    case PROXY_FLIP_UP:
        one->up.strike_at = draw_place(self, 0);
        break;
    case PROXY_CUT_DOWN:
    case PROXY_CLOSED_DOWN:
    case PROXY_DEAF_DOWN:
    case PROXY_FLIP_DOWN:
        one->down.strike_at = draw_place(self, 1);
        break;
    case PROXY_KILL_OFFICE:
    case PROXY_KILL_DEVICE:
        if (chance_of(&self->luck, 50)) {
            one->up.strike_at = draw_place(self, 0);
        } else {
            one->down.strike_at = draw_place(self, 1);
        }
        break;
    default:
        break;
    }
}

static void strike(proxy *self, passage *one) {
    one->struck = 1;
    one->up.strike_at = one->down.strike_at = UINT64_MAX;
    self->counts.blows[one->blow]++;
    switch (one->blow) {
    case PROXY_CUT_UP:
    case PROXY_CUT_DOWN:
    case PROXY_UNANSWERED:
        passage_close(one, 1);
        break;
    case PROXY_CLOSED_UP:
    case PROXY_CLOSED_DOWN:
        passage_close(one, 0);
        break;
    case PROXY_DEAF_UP:
    case PROXY_DEAF_DOWN:
        (one->blow == PROXY_DEAF_UP ? &one->up : &one->down)->deaf = 1;
        one->give_up_ms = now_ms() + chance_between(&self->luck, 100, 900);
        break;
    case PROXY_KILL_OFFICE:
    case PROXY_KILL_DEVICE:
        self->events.struck(self->events.ctx, one->blow);
        break;
    default:
        break;
    }
}

/* What went up is sent to headquarters once more, as it was. */
static void replay_up(proxy *self, passage *of) {
    int server = connect_upstream(self);
    passage *again = server >= 0 ? passage_new(self, -1, server) : NULL;

    if (again == NULL) {
        close_socket(server, 1);
        return;
    }
    again->is_replay = 1;
    again->blow = PROXY_REPLAY_UP;
    again->said = of->said;
    of->said = (tape){NULL, 0, 0};
    again->give_up_ms = now_ms() + 3000;
}

/* The device hears what headquarters said to another connection. */
static int replay_down(proxy *self, int client) {
    passage *one = self->answer.size > 0 ? passage_new(self, client, -1) : NULL;

    if (one == NULL) {
        return 0;
    }
    one->is_replay = 1;
    one->blow = PROXY_REPLAY_DOWN;
    tape_add(&one->said, self->answer.bytes, self->answer.size);
    one->give_up_ms = now_ms() + 3000;
    return 1;
}

static void note_length(proxy *self, const passage *one) {
    unsigned at = self->lengths_seen++ % LENGTHS;
    self->lengths[0][at] = one->up.passed;
    self->lengths[1][at] = one->down.passed;
}

/* Both lanes have ended. */
static void passage_ended(proxy *self, passage *one) {
    if (!one->struck && one->blow == PROXY_NONE) {
        self->counts.blows[PROXY_NONE]++;
    }
    if (!one->struck && one->up.seen.data > 1 && one->down.seen.data > 1) {
        note_length(self, one);
        if (!one->heard.broken && one->down.passed > self->flight_max + ALERT_BYTES_MAX) {
            tape_drop(&self->answer);
            self->answer = one->heard;
            one->heard = (tape){NULL, 0, 0};
        }
        if (one->blow == PROXY_REPLAY_UP && !one->said.broken) {
            one->struck = 1;
            replay_up(self, one);
        }
    }
    if (!one->struck && one->blow != PROXY_NONE) {
        take_back(self, one->blow);
    }
    passage_close(one, 0);
}

/* ---- passing on ------------------------------------------------------------------------------------------ */

static void flip(proxy *self, passage *one, lane *way) {
    if (records_at_version(&way->seen)) {
        way->strike_at++;
        return;
    }
    way->bytes[way->start] ^= (uint8_t)(1u << one->bit);
    strike(self, one);
    one->give_up_ms = now_ms() + 1500;
}

/* Before a byte of the lane passes; 1: the passage is gone. */
static int strike_if_due(proxy *self, passage *one, lane *way) {
    if (way->passed < way->strike_at) {
        return 0;
    }
    if (one->blow == PROXY_FLIP_UP || one->blow == PROXY_FLIP_DOWN) {
        if (way->start < way->end) {
            flip(self, one, way);
        }
        return 0;
    }
    strike(self, one);
    return !one->used || way->deaf;
}

static void note_passed(proxy *self, passage *one, lane *way, size_t size) {
    const uint8_t *bytes = way->bytes + way->start;
    unsigned before = way->seen.data;

    records_pass(&way->seen, bytes, size);
    if (way == &one->up && before == 0 && way->seen.data > 0) {
        one->up_at_flight = one->down.passed;
        if (self->flight_max < one->down.passed) {
            self->flight_max = one->down.passed;
        }
    }
    tape_add(way == &one->up ? &one->said : &one->heard, bytes, size);
    way->passed += size;
    way->start += size;
    self->counts.bytes += size;
}

static void lane_read(passage *one, lane *way) {
    ssize_t got = 0;

    if (way->ended || way->start < way->end) {
        return;
    }
    got = recv(way->from, way->bytes, sizeof way->bytes, 0);
    if (got > 0 && !way->deaf) {
        way->start = 0;
        way->end = (size_t)got;
        way->ready_ms = now_ms() + one->pace.delay_ms;
    } else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        way->ended = 1;
    }
}

/* 0: nothing more can be written now, or the passage is gone. */
static int lane_write(proxy *self, passage *one, lane *way) {
    size_t size = way->end - way->start;

    if (size == 0 || now_ms() < way->ready_ms || strike_if_due(self, one, way)) {
        return 0;
    }
    size = size < one->pace.chunk ? size : one->pace.chunk;
    if (way->strike_at - way->passed < size) {
        size = (size_t)(way->strike_at - way->passed);
    }
    if (size == 0) {
        return 1;
    }
    ssize_t sent = send(way->to, way->bytes + way->start, size, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            way->start = way->end; /* nobody hears it any more */
            way->ended = 1;
        }
        return 0;
    }
    note_passed(self, one, way, (size_t)sent);
    if (one->pace.rate > 0) {
        way->ready_ms = now_ms() + sent / one->pace.rate + 1;
    } else if (one->pace.chunk < CHUNK_MAX) {
        way->ready_ms = now_ms() + (one->pace.chunk < 9 ? 0 : 1);
    }
    return 1;
}

/* The device has said all that it wants to, and headquarters begins to answer: that is the moment. */
static void hold_answer(proxy *self, passage *one) {
    lane *way = &one->down;

    if (way->start < way->end && one->up.start == one->up.end) {
        one->held += way->end - way->start;
        way->start = way->end;
    }
    if (way->ended || one->held > 1024) {
        strike(self, one);
    }
}

static void passage_turn(proxy *self, passage *one) {
    lane *lanes[] = {&one->up, &one->down};

    for (size_t i = 0; i < 2 && one->used; i++) {
        lane *way = lanes[i];
        lane_read(one, way);
        if (way == &one->down && one->blow == PROXY_UNANSWERED && one->up.seen.data > 0) {
            hold_answer(self, one);
            continue;
        }
        for (int writes = 0; one->used && writes < 64 && lane_write(self, one, way); writes++) {
        }
        if (one->used && way->ended && way->start == way->end && !way->shut) {
            (void)shutdown(way->to, SHUT_WR);
            way->shut = 1;
        }
    }
    if (one->used && now_ms() >= one->give_up_ms) {
        passage_close(one, 1);
    } else if (one->used && one->up.shut && one->down.shut) {
        passage_ended(self, one);
    }
}

/* ---- replays ---------------------------------------------------------------------------------------------- */

/* Who is told the same again has to refuse it: he says no more than an alert. */
static void judge_replay(proxy *self, const passage *one, uint64_t heard) {
    self->counts.blows[one->blow]++;
    if (one->blow == PROXY_REPLAY_UP && heard > self->flight_max + ALERT_BYTES_MAX) {
        self->events.wrong(self->events.ctx, "headquarters answered a replayed connection");
    }
    if (one->blow == PROXY_REPLAY_DOWN && one->up.seen.data > 1) {
        self->events.wrong(self->events.ctx, "a device talked to a replayed headquarters");
    }
}

static void replay_turn(proxy *self, passage *one) {
    int fd = one->blow == PROXY_REPLAY_UP ? one->up.to : one->up.from;
    uint8_t bytes[CHUNK_MAX];
    ssize_t got = 0;
    lane *heard = one->blow == PROXY_REPLAY_UP ? &one->down : &one->up;

    /* To the device nothing is said before it has said hello. */
    if (one->up.start < one->said.size && (one->blow == PROXY_REPLAY_UP || heard->passed > 0)) {
        ssize_t sent =
            send(fd, one->said.bytes + one->up.start, one->said.size - one->up.start, MSG_NOSIGNAL);
        one->up.start += sent > 0 ? (size_t)sent : 0;
    }
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        records_pass(&heard->seen, bytes, (size_t)got);
        heard->passed += (uint64_t)got;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        judge_replay(self, one, heard->passed);
        passage_close(one, 0);
    } else if (now_ms() >= one->give_up_ms) {
        self->events.wrong(self->events.ctx, "a replayed connection was left open");
        passage_close(one, 1);
    }
}

/* ---- the whole --------------------------------------------------------------------------------------------- */

static void accept_one(proxy *self, int client) {
    set_up_socket(client);
    self->counts.connections++;
    int server = connect_upstream(self);
    passage *one = server >= 0 ? passage_new(self, client, server) : NULL;

    if (one == NULL) {
        self->counts.turned_away++;
        close_socket(server, 1);
        close_socket(client, 1);
        return;
    }
    if (self->calm) {
        return;
    }
    draw_pace(self, one);
    draw_blow(self, one);
    if (one->blow == PROXY_REPLAY_DOWN) {
        one->up.from = one->down.to =
            -1; /* the client is handed over, if there is something to replay */
        one->used = 0;
        close_socket(server, 1);
        if (!replay_down(self, client)) {
            take_back(self, PROXY_REPLAY_DOWN);
            close_socket(client, 1);
        }
    }
}

proxy *proxy_new(uint64_t seed, proxy_events events) {
    proxy *self = calloc(1, sizeof *self);
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;

    if (self == NULL) {
        return NULL;
    }
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    self->luck = chance_stream(seed, 1);
    self->events = events;
    self->calm = 1;
    if (self->listener < 0 || bind(self->listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(self->listener, PASSAGES_MAX) != 0 ||
        getsockname(self->listener, (struct sockaddr *)&at, &size) != 0) {
        proxy_free(self);
        return NULL;
    }
    set_up_socket(self->listener);
    self->port = ntohs(at.sin_port);
    return self;
}

void proxy_free(proxy *self) {
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < PASSAGES_MAX; i++) {
        if (self->passages[i].used) {
            passage_close(&self->passages[i], 1);
        }
    }
    tape_drop(&self->answer);
    close_socket(self->listener, 0);
    free(self);
}

uint16_t proxy_port(const proxy *self) {
    return self->port;
}

void proxy_upstream(proxy *self, uint16_t port) {
    self->upstream = port;
}

void proxy_calm(proxy *self, int calm) {
    self->calm = calm;
    for (size_t i = 0; calm && i < PASSAGES_MAX; i++) {
        if (self->passages[i].used && !self->passages[i].is_replay) {
            passage_close(&self->passages[i], 1);
        }
    }
}

const proxy_counts *proxy_counted(const proxy *self) {
    return &self->counts;
}

static size_t lane_poll(const lane *way, struct pollfd *out) {
    int empty = way->start == way->end;

    if (empty && !way->ended && way->from >= 0) {
        *out = (struct pollfd){way->from, POLLIN, 0};
        return 1;
    }
    if (!empty && now_ms() >= way->ready_ms && way->to >= 0) {
        *out = (struct pollfd){way->to, POLLOUT, 0};
        return 1;
    }
    return 0;
}

size_t proxy_poll(const proxy *self, struct pollfd *out, size_t capacity) {
    size_t count = 0;

    out[count++] = (struct pollfd){self->listener, POLLIN, 0};
    for (size_t i = 0; i < PASSAGES_MAX && count + 2 <= capacity; i++) {
        const passage *one = &self->passages[i];
        if (one->used && one->is_replay) {
            int fd = one->blow == PROXY_REPLAY_UP ? one->up.to : one->up.from;
            short more = one->up.start < one->said.size && one->up.passed > 0 ? POLLOUT : 0;
            out[count++] = (struct pollfd){fd, (short)(POLLIN | more), 0};
        } else if (one->used) {
            count += lane_poll(&one->up, &out[count]);
            count += lane_poll(&one->down, &out[count]);
        }
    }
    return count;
}

int64_t proxy_due_ms(const proxy *self) {
    int64_t due_ms = INT64_MAX;

    for (size_t i = 0; i < PASSAGES_MAX; i++) {
        const passage *one = &self->passages[i];
        const lane *lanes[] = {&one->up, &one->down};
        for (size_t k = 0; one->used && k < 2; k++) {
            if (!one->is_replay && lanes[k]->start < lanes[k]->end && lanes[k]->ready_ms < due_ms) {
                due_ms = lanes[k]->ready_ms;
            }
        }
        if (one->used && one->give_up_ms < due_ms) {
            due_ms = one->give_up_ms;
        }
    }
    return due_ms;
}

void proxy_turn(proxy *self) {
    int client = -1;

    while ((client = accept(self->listener, NULL, NULL)) >= 0) {
        accept_one(self, client);
    }
    for (size_t i = 0; i < PASSAGES_MAX; i++) {
        passage *one = &self->passages[i];
        if (one->used && one->is_replay) {
            replay_turn(self, one);
        } else if (one->used) {
            passage_turn(self, one);
        }
    }
}
