/*
 * contests.c - see contests.h.
 */
#include "contests.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/reader.h"
#include "base/text.h"

#define ARENA_MAX  ((size_t)4096)
#define DAY_MS     INT64_C(86400000)
#define TALLY_SIZE ((size_t)(3 * 8 + 1))

typedef struct tally {
    int64_t day;
    uint64_t won, lost;
    int told;
} tally;

int contests_are_odd(uint64_t won, uint64_t lost) {
    return won + lost >= CONTESTS_LEAST && won > 9 * lost;
}

static void key_of(char key[ROVE_NAME_MAX], rove_replica replica) {
    rove__text_format(key, ROVE_NAME_MAX, "contests/%u", (unsigned)replica);
}

static rove_status read_tally(hq *headquarters, rove__hq_tx *tx, rove_replica replica, tally *out) {
    char key[ROVE_NAME_MAX];
    rove__arena arena;
    rove__bytes value = {NULL, 0};
    rove__reader reader;

    *out = (tally){.day = 0};
    key_of(key, replica);
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_database(headquarters)->directory.setting_get(tx, key, &arena, &value);
    if (status == ROVE_OK && value.size == TALLY_SIZE) {
        rove__reader_init(&reader, value.data, value.size);
        out->day = (int64_t)rove__reader_u64(&reader);
        out->won = rove__reader_u64(&reader);
        out->lost = rove__reader_u64(&reader);
        out->told = rove__reader_byte(&reader) != 0;
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static rove_status write_tally(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                               const tally *t) {
    char key[ROVE_NAME_MAX];
    uint8_t bytes[TALLY_SIZE];
    size_t size = rove__u64_put(bytes, (uint64_t)t->day);

    size += rove__u64_put(bytes + size, t->won);
    size += rove__u64_put(bytes + size, t->lost);
    bytes[size] = (uint8_t)t->told;
    key_of(key, replica);
    return hq_database(headquarters)
        ->directory.setting_put(tx, key, (rove__bytes){bytes, sizeof bytes});
}

static rove_status tell(hq *headquarters, rove__hq_tx *tx, rove_replica replica, const tally *t) {
    char detail[200];
    char day[ROVE_TIME_TEXT_SIZE];

    rove__time_format(t->day * DAY_MS, day);
    rove__text_format(detail, sizeof detail,
                      "device %u: its writes won %" PRIu64 " of %" PRIu64
                      " contests with others' on %.10s; look at its clock",
                      (unsigned)replica, t->won, t->won + t->lost, day);
    rove__log(&hq_get_ports(headquarters)->log, ROVE_LOG_WARN, "contests", "%s", detail);
    return hq_record(headquarters, tx, NULL, "contests", detail, 0);
}

static rove_status add(hq *headquarters, rove__hq_tx *tx, const rove__contest *contest,
                       unsigned *told) {
    rove__hq_device device;
    tally t;
    int64_t day = hq_now_ms(headquarters) / DAY_MS;
    rove_status status =
        hq_database(headquarters)->store.device_get(tx, contest->replica, 0, &device);

    if (status != ROVE_OK) { /* headquarters' own number */
        return status == ROVE_NOT_FOUND ? ROVE_OK : status;
    }
    status = read_tally(headquarters, tx, contest->replica, &t);
    if (t.day != day) {
        t = (tally){.day = day};
    }
    t.won += contest->won;
    t.lost += contest->lost;
    int tells = !t.told && contests_are_odd(t.won, t.lost);
    t.told |= tells;
    if (status == ROVE_OK) {
        status = write_tally(headquarters, tx, contest->replica, &t);
    }
    if (status == ROVE_OK && tells) {
        status = tell(headquarters, tx, contest->replica, &t);
        *told += status == ROVE_OK;
    }
    return status;
}

rove_status contests_save(hq *headquarters, rove__hq_tx *tx, const rove__contest *contests,
                          size_t count, unsigned *told) {
    rove_status status = ROVE_OK;

    *told = 0;
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = add(headquarters, tx, &contests[i], told);
    }
    return status;
}
