/*
 * traffic.c - see traffic.h.
 */
#include "traffic.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/stamp.h"
#include "base/text.h"

#define ARENA_MAX    ((size_t)64 * 1024)
#define DAY_TEXT_MAX 72
#define TEXT_MAX     (TRAFFIC_DAYS * DAY_TEXT_MAX)
#define MIB          ((uint64_t)1024 * 1024)

/* A device that came since the process began. */
typedef struct entry {
    rove_replica replica;
    traffic_day today;
    uint64_t unsaved; /* bytes of it that are not kept yet */
    int urgent;       /* a full download is not kept yet */
    int told;         /* that it is past its limits today */
} entry;

struct traffic {
    hq *headquarters;
    traffic_limits limits;
    pthread_mutex_t mutex; /* over what follows */
    entry *entries;        /* ascending by replica */
    size_t count, capacity;
};

static const rove_allocator *allocator_of(const traffic *self) {
    return &hq_get_ports(self->headquarters)->allocator;
}

static int64_t day_now(const traffic *self) {
    return hq_now_ms(self->headquarters) / TRAFFIC_DAY_MS;
}

/* ---- what is kept ----------------------------------------------------------------------------------------- */

static void key_of(char key[ROVE_NAME_MAX], rove_replica replica) {
    rove__text_format(key, ROVE_NAME_MAX, "traffic/%u", (unsigned)replica);
}

/* A decimal number and the one byte that ends it; 0: it is none. */
static int read_number(const char **at, const char *end, char stop, uint64_t *number) {
    const char *first = *at;
    *number = 0;
    while (*at < end && **at >= '0' && **at <= '9' && *number < UINT64_MAX / 10 - 1) {
        *number = *number * 10 + (uint64_t)(**at - '0');
        (*at)++;
    }
    if (*at == first || *at == end || **at != stop) {
        return 0;
    }
    (*at)++;
    return 1;
}

/* What is no line ends the list: it is a count, not an account. */
static size_t parse(rove__bytes value, traffic_day days[TRAFFIC_DAYS]) {
    const char *at = (const char *)value.data;
    const char *end = at + value.size;
    size_t count = 0;
    while (count < TRAFFIC_DAYS && at < end) {
        uint64_t day = 0;
        traffic_day *read = &days[count];
        if (!read_number(&at, end, ' ', &day) || !read_number(&at, end, ' ', &read->bytes) ||
            !read_number(&at, end, '\n', &read->downloads)) {
            break;
        }
        read->day = (int64_t)day;
        count++;
    }
    return count;
}

rove_status traffic_read(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                         traffic_day days[TRAFFIC_DAYS], size_t *count) {
    char key[ROVE_NAME_MAX];
    rove__arena arena;
    rove__bytes value;
    *count = 0;
    key_of(key, replica);
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_database(headquarters)->directory.setting_get(tx, key, &arena, &value);
    if (status == ROVE_OK && value.size > 0) {
        *count = parse(value, days);
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* Today's line in front of those of the days before it. */
static rove_status write_days(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                              const traffic_day *today, const traffic_day *days, size_t count) {
    char key[ROVE_NAME_MAX];
    char text[TEXT_MAX];
    key_of(key, replica);
    rove__text_format(text, sizeof text, "%lld %llu %llu\n", (long long)today->day,
                      (unsigned long long)today->bytes, (unsigned long long)today->downloads);
    size_t used = strlen(text);
    for (size_t i = 0, kept = 1; i < count && kept < TRAFFIC_DAYS; i++) {
        if (days[i].day < today->day && days[i].day > today->day - TRAFFIC_DAYS) {
            rove__text_format(text + used, sizeof text - used, "%lld %llu %llu\n",
                              (long long)days[i].day, (unsigned long long)days[i].bytes,
                              (unsigned long long)days[i].downloads);
            used += strlen(text + used);
            kept++;
        }
    }
    return hq_database(headquarters)
        ->directory.setting_put(tx, key, (rove__bytes){(const uint8_t *)text, used});
}

/* ---- entries ---------------------------------------------------------------------------------------------- */

rove_status traffic_new(hq *headquarters, const traffic_limits *limits, traffic **out) {
    *out = NULL;
    traffic *self = rove__alloc_zeroed(&hq_get_ports(headquarters)->allocator, 1, sizeof *self);
    if (self == NULL) {
        return ROVE_NOMEM;
    }
    self->headquarters = headquarters;
    self->limits = *limits;
    (void)pthread_mutex_init(&self->mutex, NULL);
    *out = self;
    return ROVE_OK;
}

void traffic_free(traffic *self) {
    if (self == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&self->mutex);
    rove__free(allocator_of(self), self->entries);
    rove__free(allocator_of(self), self);
}

/* With the mutex held: where the device's entry is, or belongs. */
static size_t place_of(const traffic *self, rove_replica replica) {
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->entries[middle].replica < replica) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* With the mutex held; NULL: it has none. A day that is over is forgotten here, it is kept in the setting. */
static entry *find(const traffic *self, rove_replica replica) {
    size_t at = place_of(self, replica);
    int64_t day = day_now(self);
    if (at == self->count || self->entries[at].replica != replica) {
        return NULL;
    }
    entry *found = &self->entries[at];
    if (found->today.day != day) {
        *found = (entry){.replica = replica, .today = {.day = day}};
    }
    return found;
}

/* With the mutex held. */
static rove_status insert(traffic *self, const entry *made) {
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 64 : self->capacity * 2;
        entry *entries =
            rove__alloc_resize(allocator_of(self), self->entries, capacity, sizeof *entries);
        if (entries == NULL) {
            return ROVE_NOMEM;
        }
        self->entries = entries;
        self->capacity = capacity;
    }
    size_t at = place_of(self, made->replica);
    memmove(&self->entries[at + 1], &self->entries[at], (self->count - at) * sizeof *made);
    self->entries[at] = *made;
    self->count++;
    return ROVE_OK;
}

static int is_over(const traffic *self, const traffic_day *today) {
    return today->bytes > self->limits.bytes || today->downloads > self->limits.downloads;
}

/* ---- admitting and counting ------------------------------------------------------------------------------- */

typedef struct loading {
    traffic *traffic;
    entry made;
    rove_replica
        former; /* the number that the device had before, where nothing is kept of this one today */
} loading;

static rove_status load_day(loading *self, rove__hq_tx *tx, rove_replica replica, int *found) {
    traffic_day days[TRAFFIC_DAYS];
    size_t count = 0;
    *found = 0;
    rove_status status = traffic_read(self->traffic->headquarters, tx, replica, days, &count);
    for (size_t i = 0; i < count; i++) {
        if (days[i].day == self->made.today.day) {
            self->made.today = days[i];
            *found = 1;
        }
    }
    return status;
}

static rove_status load(void *ctx, rove__hq_tx *tx, rove_error *error) {
    loading *self = ctx;
    rove__hq_device device = {.replica = 0};
    int found = 0;
    (void)error;
    rove_status status = load_day(self, tx, self->made.replica, &found);
    self->made.told = is_over(self->traffic, &self->made.today);
    if (status != ROVE_OK || found) {
        return status;
    }
    status = hq_database(self->traffic->headquarters)
                 ->store.device_get(tx, self->made.replica, 0, &device);
    if (status == ROVE_OK && device.former != 0) {
        self->former = device.former;
        status = load_day(self, tx, device.former, &found);
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* With the mutex held. A device that got a fresh number goes on with what it has had: else a new number were a new share. */
static void inherit(const traffic *self, loading *job) {
    const entry *before = job->former != 0 ? find(self, job->former) : NULL;
    if (before != NULL) {
        job->made.today = before->today;
    }
    job->made.urgent |=
        job->former != 0 && (job->made.today.bytes > 0 || job->made.today.downloads > 0);
}

/* The device has an entry from now on. */
static rove_status ensure(traffic *self, rove_replica replica) {
    loading job = {.traffic = self, .made = {.replica = replica, .today = {.day = day_now(self)}}};
    (void)pthread_mutex_lock(&self->mutex);
    int known = find(self, replica) != NULL;
    (void)pthread_mutex_unlock(&self->mutex);
    if (known) {
        return ROVE_OK;
    }
    rove_status status = hq_read(self->headquarters, load, &job, NULL);
    (void)pthread_mutex_lock(&self->mutex);
    if (status == ROVE_OK && find(self, replica) == NULL) {
        inherit(self, &job);
        status = insert(self, &job.made);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return status;
}

rove_status traffic_admit(traffic *self, rove_replica replica, int64_t *wait_s) {
    *wait_s = 0;
    rove_status status = ensure(self, replica);
    if (status != ROVE_OK) {
        return ROVE_LATER;
    }
    (void)pthread_mutex_lock(&self->mutex);
    const entry *found = find(self, replica);
    int over = found != NULL && is_over(self, &found->today);
    (void)pthread_mutex_unlock(&self->mutex);
    if (!over) {
        return ROVE_OK;
    }
    int64_t left_ms = TRAFFIC_DAY_MS - hq_now_ms(self->headquarters) % TRAFFIC_DAY_MS;
    *wait_s = left_ms / 1000 + 1;
    return ROVE_LATER;
}

int traffic_add(traffic *self, rove_replica replica, uint64_t bytes, int full) {
    int due = 0;
    (void)pthread_mutex_lock(&self->mutex);
    entry *found = find(self, replica);
    if (found != NULL) {
        found->today.bytes += bytes;
        found->today.downloads += full != 0;
        found->unsaved += bytes;
        found->urgent |= full != 0;
        due = found->unsaved >= TRAFFIC_SAVE_BYTES || found->urgent ||
              (is_over(self, &found->today) && !found->told);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return due;
}

unsigned traffic_over(traffic *self) {
    unsigned over = 0;
    int64_t day = day_now(self);
    (void)pthread_mutex_lock(&self->mutex);
    for (size_t i = 0; i < self->count; i++) {
        over += self->entries[i].today.day == day && is_over(self, &self->entries[i].today);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return over;
}

/* ---- keeping ---------------------------------------------------------------------------------------------- */

static rove_status tell(traffic *self, rove__hq_tx *tx, const entry *now) {
    char detail[200];
    char day[ROVE_TIME_TEXT_SIZE];
    rove__time_format(now->today.day * TRAFFIC_DAY_MS, day);
    rove__text_format(detail, sizeof detail,
                      "device %u: %llu MiB and %llu full downloads on %.10s; it waits for the next "
                      "day",
                      (unsigned)now->replica, (unsigned long long)(now->today.bytes / MIB),
                      (unsigned long long)now->today.downloads, day);
    rove__log(&hq_get_ports(self->headquarters)->log, ROVE_LOG_WARN, "traffic", "%s", detail);
    return hq_record(self->headquarters, tx, NULL, "quota", detail, 0);
}

rove_status traffic_save(traffic *self, rove__hq_tx *tx, rove_replica replica) {
    traffic_day days[TRAFFIC_DAYS];
    size_t count = 0;
    entry now = {.replica = 0};
    (void)pthread_mutex_lock(&self->mutex);
    entry *found = find(self, replica);
    if (found != NULL) {
        now = *found;
    }
    (void)pthread_mutex_unlock(&self->mutex);
    int tells = is_over(self, &now.today) && !now.told;
    if (now.replica == 0 || (now.unsaved == 0 && !now.urgent && !tells)) {
        return ROVE_OK;
    }
    rove_status status = traffic_read(self->headquarters, tx, replica, days, &count);
    if (status == ROVE_OK) {
        status = write_days(self->headquarters, tx, replica, &now.today, days, count);
    }
    if (status == ROVE_OK && tells) {
        status = tell(self, tx, &now);
    }
    if (status != ROVE_OK) {
        return status;
    }
    /* A group that is undone after this is counted again with the next answer: what is written is the sum of the day. */
    (void)pthread_mutex_lock(&self->mutex);
    found = find(self, replica);
    if (found != NULL && found->today.day == now.today.day) {
        found->unsaved -= now.unsaved;
        found->urgent &= found->today.downloads != now.today.downloads;
        found->told |= tells;
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return ROVE_OK;
}

typedef struct keeping {
    traffic *traffic;
    rove_replica replica;
} keeping;

static rove_status keep(void *ctx, rove__hq_tx *tx, rove_error *error) {
    keeping *self = ctx;
    (void)error;
    return traffic_save(self->traffic, tx, self->replica);
}

rove_status traffic_keep(traffic *self, rove_replica replica, rove_error *error) {
    keeping job = {self, replica};
    return hq_commit(self->headquarters, keep, &job, error);
}
