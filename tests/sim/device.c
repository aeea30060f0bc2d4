/*
 * sim/device.c - a device of a simulation: librove on a simulated machine, through its public interface alone; but that an
 * older build is made of this one by changing what it knows of fields.
 */
#include "world.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "client/internal.h"
#include "sync/enroll.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define TEMPLATE  60 /* a disk, and the next one */

static const char *folder_of(const device *d, char folder[16]) {
    snprintf(folder, 16, "/%d", d->number + 2);
    return folder;
}

static int may_differ(const device *d) {
    const world *w = d->w;
    for (uint32_t i = 1; i < w->ledger.record_count; i++) {
        if (claims_deleted(d, i)) {
            return 1;
        }
    }
    return w->office.restored || w->copied || w->purged || w->spoiled;
}

/*
 * Digests are there to mend what went wrong. Where nothing went back in time that may happen to a device once: what it made
 * was taken, the answer was lost, and somebody deleted the record before it came again (I19).
 */
static void look_for_repair(device *d, const char *text) {
    world *w = d->w;
    if (strstr(text, "scopes differ from headquarters") == NULL) {
        return;
    }
    w->counts->repairs++;
    if (!may_differ(d)) {
        VIOLATED(w, "I19", "device %d differs from headquarters: %s", d->number, text);
    }
}

static void read_log(const sim_machine *machine, rove_log_level level, const char *module,
                     const char *text) {
    device *d = (device *)((uintptr_t)machine - offsetof(device, machine));
    if (level <= ROVE_LOG_WARN) {
        look_for_repair(d, text);
    }
    if (d->w->verbose > 1) {
        fprintf(stderr, "        device %d %s: %s\n", d->number, module, text);
    }
}

/* ---- statuses ------------------------------------------------------------------------------------------- */

/* What a machine in trouble may say of any call. */
static int in_trouble(const device *d, rove_status status) {
    int disk = d->machine.disk.off || d->machine.disk.count.refused > 0;
    switch (status) {
    case ROVE_IO:
    case ROVE_FULL:
    case ROVE_READONLY:
        return disk;
    case ROVE_NOMEM:
        return d->machine.fail_in == 0; /* it was the allocation that was to fail */
    default:
        return 0;
    }
}

static int may_sync(rove_status status) {
    switch (status) {
    case ROVE_NETWORK:
    case ROVE_TIMEOUT:
    case ROVE_LATER:
    case ROVE_SERVER:
    case ROVE_NOT_ROVE:
    case ROVE_TRUNCATED:
    case ROVE_UNAUTHORIZED:
    case ROVE_REVOKED:
    case ROVE_EXPIRED:
    case ROVE_BUSY:
    case ROVE_NOT_ENROLLED:
    case ROVE_FORK:
    case ROVE_UPGRADE:
    case ROVE_LIMIT:
    case ROVE_CANCELLED:
        return 1;
    default:
        return 0;
    }
}

static int may_write(rove_status status) {
    switch (status) {
    case ROVE_NOT_ENROLLED:
    case ROVE_STATE:
    case ROVE_NOT_FOUND:
    case ROVE_DENIED:
    case ROVE_TOO_BIG:
    case ROVE_CYCLE:
    case ROVE_REQUIRED:
        return 1;
    default:
        return 0;
    }
}

int device_may(device *d, const char *call, rove_status status, const rove_error *error) {
    int allowed = status == ROVE_OK || in_trouble(d, status);
    if (strcmp(call, "sync") == 0 || strcmp(call, "enroll") == 0) {
        allowed = allowed || may_sync(status) ||
                  (call[0] == 'e' && (status == ROVE_EXISTS || status == ROVE_STATE));
    } else if (strcmp(call, "write") == 0 || strcmp(call, "retry") == 0) {
        allowed = allowed || may_write(status) ||
                  (call[0] == 'r' && status == ROVE_EXISTS); /* it was done again already */
    } else if (strcmp(call, "tidy") == 0) {
        allowed = allowed || status == ROVE_BUSY;
    }
    if (!allowed) {
        VIOLATED(d->w, "I22", "device %d: %s says %s: %s", d->number, call,
                 rove_status_name(status), error->message);
    }
    return allowed;
}

/* ---- looking at the screen ------------------------------------------------------------------------------ */

int device_text(device *d, ledger_kind kind, rove_id id, const char *field, char *text,
                size_t capacity) {
    const ledger_entity *entity = &ledger_entities[kind];
    char sql[160];
    rove_value parameter = rove_int(id);
    rove_query *query = NULL;
    rove_error error = {0};
    int found = 0;
    uint64_t fail_in = d->machine.fail_in;
    text[0] = '\0';
    snprintf(sql, sizeof sql, "SELECT %s FROM %s WHERE id = ?1", field, entity->table);
    d->machine.fail_in = 0; /* the oracle looks, whatever memory its device has */
    if (rove_query_new(d->replica, sql, &parameter, 1, &query, &error) != ROVE_OK) {
        d->machine.fail_in = fail_in;
        return 0;
    }
    if (rove_query_step(query, &error) == ROVE_OK) {
        rove_value value = rove_query_value(query, 0);
        found = 1;
        if (value.type == ROVE_TEXT) {
            size_t size = value.size < capacity - 1 ? value.size : capacity - 1;
            memcpy(text, value.as.data, size);
            text[size] = '\0';
        }
    }
    rove_query_free(query);
    d->machine.fail_in = fail_in;
    return found;
}

int64_t device_number(device *d, const char *sql, int64_t parameter, int64_t otherwise) {
    rove_value value = rove_int(parameter);
    rove_query *query = NULL;
    rove_error error = {0};
    uint64_t fail_in = d->machine.fail_in;

    d->machine.fail_in = 0; /* as above */
    if (rove_query_new(d->replica, sql, &value, 1, &query, &error) == ROVE_OK &&
        rove_query_step(query, &error) == ROVE_OK) {
        rove_value found = rove_query_value(query, 0);
        otherwise = found.type == ROVE_INT ? found.as.integer : otherwise;
    }
    rove_query_free(query);
    d->machine.fail_in = fail_in;
    return otherwise;
}

rove_id device_find(device *d, uint32_t record) {
    const ledger_entity *entity = &ledger_entities[ledger_record_get(&d->w->ledger, record)->kind];
    char sql[160];
    char key[LEDGER_KEY_SIZE];
    rove_query *query = NULL;
    rove_error error = {0};
    rove_id id = 0;
    ledger_text('r', record, key);
    rove_value value = rove_text(key);
    snprintf(sql, sizeof sql, "SELECT id FROM %s WHERE %s = ?1", entity->table, entity->key);
    if (rove_query_new(d->replica, sql, &value, 1, &query, &error) == ROVE_OK &&
        rove_query_step(query, &error) == ROVE_OK) {
        id = rove_query_value(query, 0).as.integer;
    }
    rove_query_free(query);
    return id;
}

static rove_state state_of(device *d) {
    rove_error error = {0};
    rove_state state = {.size = sizeof state};
    if (d->replica == NULL || rove_read_state(d->replica, &state, &error) != ROVE_OK) {
        state = (rove_state){.size = sizeof state};
    }
    return state;
}

/* ---- I1 ------------------------------------------------------------------------------------------------- */

/* The last write of its cell, as the device saw it, and not overtaken by anything. */
static int is_last(const device *d, uint32_t number) {
    const ledger *l = &d->w->ledger;
    const ledger_write *a = &l->writes[number];
    for (uint32_t i = number + 1; i < l->count; i++) {
        const ledger_write *b = &l->writes[i];
        if (b->author == a->author && b->record == a->record &&
            (b->what == LEDGER_DELETE || b->field == a->field) && (b->done || b->unsure)) {
            return 0;
        }
    }
    return 1;
}

static void check_write(device *d, uint32_t number) {
    ledger_write *write = &d->w->ledger.writes[number];
    const ledger_entity *entity = &ledger_entities[d->w->ledger.records[write->record].kind];
    int no_memory = d->machine.fail_in > 0;
    char text[64];
    if (!write->done || write->given_up || write->author != d->number || write->syncs != d->syncs ||
        !is_last(d, number)) {
        return;
    }
    rove_id id = device_find(d, write->record);
    int shows = id != 0;
    text[0] = '\0';
    if (shows && (write->what == LEDGER_SET || write->what == LEDGER_SEAL)) {
        shows = device_text(d, d->w->ledger.records[write->record].kind, id,
                            entity->texts[write->field], text, sizeof text);
    }
    if (d->machine.disk.off || d->machine.disk.count.refused > 0 ||
        (no_memory && d->machine.fail_in == 0)) {
        return; /* disk or memory failed meanwhile: what was not seen may be there */
    }
    if (write->what == LEDGER_DELETE) {
        if (id != 0) {
            VIOLATED(d->w, "I1", "device %d: record r%u is there again after write %u deleted it",
                     d->number, write->record, number);
        }
        return;
    }
    if (!shows) {
        VIOLATED(d->w, "I1", "device %d: record r%u of write %u is gone", d->number, write->record,
                 number);
        return;
    }
    if (write->what == LEDGER_SET || write->what == LEDGER_SEAL) {
        if (ledger_number('w', text, strlen(text)) != number) {
            VIOLATED(d->w, "I1", "device %d: %s of r%u shows \"%.20s\", not write %u", d->number,
                     entity->texts[write->field], write->record, text, number);
        }
    }
}

void device_check_durable(device *d) {
    if (d->replica == NULL || !leases_reads(d)) {
        return;
    }
    uint32_t first = d->w->ledger.count > 200 ? (uint32_t)d->w->ledger.count - 200 : 1;
    for (uint32_t i = first; i < d->w->ledger.count && !world_failed(d->w); i++) {
        check_write(d, i);
    }
}

/* ---- up and down ---------------------------------------------------------------------------------------- */

/* A hand-over that was killed is finished by opening: the next user's it is then. */
static void know_state(device *d) {
    rove_state state = state_of(d);
    for (int i = 0; i < PLAN_USERS_MAX && state.enrolled; i++) {
        if (state.user == d->w->office.users[i] && d->user != i) {
            d->user = i;
            d->whole = 0;
            d->wanted = d->wanted == i ? -1 : d->wanted;
            d->syncs++; /* what was written before is sealed */
            leases_new_user(d);
        }
    }
    claims_opened(d, &state);
}

int device_is_older(const device *d) {
    return (d->w->plan->older >> d->number & 1u) != 0;
}

/* Its build knows shorter texts only; what else an older one does differently is for the tests of schemas. */
static void shorten_texts(device *d) {
    const rove__registry *registry = rove__store_registry(d->replica->store);
    for (ledger_kind kind = LEDGER_ACCOUNT; kind < LEDGER_KINDS; kind++) {
        const ledger_entity *known = &ledger_entities[kind];
        const rove__entity *entity = rove__registry_by_name(registry, known->name);
        for (unsigned i = 0; i < LEDGER_TEXTS && known->texts[i] != NULL; i++) {
            rove__field *field = NULL;
            memcpy(&field,
                   &(const rove__field *){
                       &entity->fields[rove__entity_field_named(entity, known->texts[i])]},
                   sizeof field);
            field->max = field->max < WORLD_OLDER_TEXT ? field->max : WORLD_OLDER_TEXT;
        }
    }
}

static void start(device *d) {
    char folder[16];
    rove_error error = {0};
    d->up_ms = WORLD_NEVER;
    rove_status status = rove_open(&d->ports, folder_of(d, folder), &d->replica, &error);
    if (wipes_opened(d, status)) {
        return;
    }
    if (status != ROVE_OK) {
        d->replica = NULL;
        if (in_trouble(d, status)) {
            device_stop(d, d->machine.disk.off, MINUTE_MS);
        } else {
            VIOLATED(d->w, "I22", "device %d does not open: %s: %s", d->number,
                     rove_status_name(status), error.message);
        }
        return;
    }
    if (device_is_older(d)) {
        shorten_texts(d);
    }
    world_says(d->w, "device %d is up, %llu pending", d->number,
               (unsigned long long)state_of(d).pending);
    know_state(d);
    device_check_durable(d);
    device_look(d);
}

void device_stop(device *d, int power, int64_t pause_ms) {
    world_says(d->w, "device %d goes down%s", d->number, power ? " without power" : "");
    d->machine.disk.off = 1;
    if (d->fiber != NULL) {
        d->dying = 1;
        while (!sim_fiber_resume(d->fiber)) {
        }
        sim_fiber_free(d->fiber);
        d->fiber = NULL;
        d->dying = 0;
        device_hears(d);
        d->failed = 1;
        d->syncs++;
    }
    rove_close(d->replica);
    d->replica = NULL;
    if (d->machine.alive != 0) {
        VIOLATED(d->w, "I21", "device %d left %zu allocations", d->number, d->machine.alive);
        d->machine.alive = 0;
    }
    if (power) {
        sim_disk_power_cut(&d->machine.disk);
        d->w->counts->power_cuts++;
    } else {
        d->w->counts->kills++;
    }
    d->machine.disk.count.refused = 0;
    d->machine.fail_in = 0;
    uint64_t boots = d->machine.boots;
    int64_t booted_ms = d->machine.booted_ms;
    sim_machine_boot(&d->machine);
    if (!power) { /* the machine itself went on */
        d->machine.boots = boots;
        d->machine.booted_ms = booted_ms;
    }
    leases_stopped(d, power);
    d->up_ms = d->w->now_ms + pause_ms;
}

void device_look(device *d) {
    if (d->replica != NULL && d->machine.disk.off && sim_fiber_self() == NULL) {
        device_stop(d, 1, MINUTE_MS + (int64_t)sim_below(&d->machine.core, (uint64_t)HOUR_MS));
    }
}

static void enroll(device *d) {
    rove_error error = {0};
    rove__invitation invitation = {{(uint8_t)d->number, (uint8_t)d->wanted}, {1}};
    char code[ROVE_INVITATION_SIZE];
    if (d->replica == NULL || d->wanted < 0) {
        return;
    }
    if (rove__invitation_format(&invitation, &d->ports.crypto, code) != ROVE_OK) {
        abort();
    }
    d->syncs += d->user >= 0 && d->user != d->wanted; /* what is there leaves the screen */
    rove_status status = rove_enroll(d->replica, WORLD_URL, code, &error);
    world_says(d->w, "device %d enrols for u%d: %s", d->number, d->wanted,
               rove_status_name(status));
    (void)device_may(d, "enroll", status, &error);
    if (status == ROVE_OK || status == ROVE_EXISTS) {
        if (d->user >= 0 && d->user != d->wanted) {
            d->w->counts->handovers++;
            d->whole = 0;
            leases_new_user(d);
        }
        d->user = d->wanted;
        d->wanted = -1;
    } else if (status == ROVE_STATE) {
        d->wanted = -1; /* its identity is damaged; not in a simulation */
    }
    device_look(d);
}

/* The keystore; what is simulated of it is that it is there. */
static rove_status keystore(void *ctx, uint8_t secret[ROVE_SECRET_SIZE], rove_error *error) {
    (void)ctx;
    (void)error;
    memset(secret, 0x5a, ROVE_SECRET_SIZE);
    return ROVE_OK;
}

static int is_encrypted(const device *d) {
    return (d->w->plan->encrypted >> d->number & 1u) != 0;
}

static rove_ports make_ports(device *d) {
    return (rove_ports){.allocator = sim_machine_allocator(&d->machine),
                        .clock = sim_machine_clock(&d->machine),
                        .random = sim_machine_random(&d->machine),
                        .files = sim_disk_files(&d->machine.disk),
                        .crypto = sim_crypto_port(&d->machine.crypto),
                        .transport = network_transport(d),
                        .log = sim_machine_log(&d->machine, d->w != NULL && d->w->verbose > 1
                                                                ? ROVE_LOG_DEBUG
                                                                : ROVE_LOG_WARN),
                        .app = "sim"};
}

static sim_disk templates[2]; /* plain, and encrypted */

static void prepare_one(const rove_crypto *crypto, const int64_t *now_ms, int with_keys) {
    char folder[16];
    rove_error error = {0};
    device *d = calloc(1, sizeof *d);
    sim_machine_open(&d->machine, 2, 1, now_ms, crypto);
    d->ports = make_ports(d);
    d->ports.keyring.secret = with_keys ? keystore : NULL;
    if (rove_open(&d->ports, folder_of(d, folder), &d->replica, &error) != ROVE_OK) {
        fprintf(stderr, "rove-sim: %s\n", error.message);
        abort();
    }
    rove_close(d->replica);
    sim_disk_unlock_all(&d->machine.disk);
    sim_disk_open(&templates[with_keys], TEMPLATE + with_keys, 1);
    sim_disk_copy(&templates[with_keys], &d->machine.disk);
    sim_machine_close(&d->machine);
    free(d);
}

void device_prepare(const rove_crypto *crypto, const int64_t *now_ms) {
    prepare_one(crypto, now_ms, 0);
    prepare_one(crypto, now_ms, 1);
}

/* To make the files takes a tenth of a story's time: one device in four does it itself. */
void device_begin(device *d, int user) {
    d->ports = make_ports(d);
    d->ports.keyring.secret = is_encrypted(d) ? keystore : NULL;
    d->w->counts->encrypted += (uint64_t)is_encrypted(d);
    if (d->number % 4 != 0) {
        sim_disk_copy(&d->machine.disk, &templates[is_encrypted(d)]);
    }
    d->exists = 1;
    d->machine.log = read_log;
    d->user = -1;
    d->wanted = user;
    start(d);
    enroll(d);
}

void device_end(device *d) {
    if (d->replica != NULL) {
        rove_close(d->replica);
        d->replica = NULL;
        if (d->machine.alive != 0) {
            VIOLATED(d->w, "I21", "device %d left %zu allocations", d->number, d->machine.alive);
        }
    }
    if (d->has_image) {
        sim_disk_close(&d->image);
    }
    sim_machine_close(&d->machine);
}

/* ---- syncing -------------------------------------------------------------------------------------------- */

static void sync_body(void *ctx) {
    device *d = ctx;
    rove_error error = {0};
    d->synced = rove_sync(d->replica, NULL, &d->report, &error);
    if (!d->dying && !wipes_under_way(d)) {
        (void)device_may(d, "sync", d->synced, &error);
    }
    if (d->synced != ROVE_OK) {
        world_says(d->w, "        %s", error.message);
    }
}

void device_speaks(device *d) {
    d->hears = 0;
    ledger *l = &d->w->ledger;
    for (; d->kept < l->count; d->kept++) {
        if (l->writes[d->kept].author == d->number && l->writes[d->kept].left == 0) {
            l->writes[d->kept].left = (uint32_t)l->count;
        }
    }
}

void device_hears(device *d) {
    if (d->hears) {
        d->heard = (uint32_t)d->w->ledger.count;
    }
}

static void sync_ended(device *d) {
    device_hears(d);
    sim_fiber_free(d->fiber);
    d->fiber = NULL;
    d->w->counts->syncs_done += d->synced == ROVE_OK;
    d->failed |= d->synced != ROVE_OK;
    d->syncs++; /* what was written meanwhile may have gone with it */
    leases_sync(d, 0, d->synced);
    claims_synced(d, d->synced, &d->report);
    world_says(d->w, "device %d synced: %s, %llu pushed, %llu applied, %llu removed", d->number,
               rove_status_name(d->synced), (unsigned long long)d->report.rows_pushed,
               (unsigned long long)d->report.rows_applied,
               (unsigned long long)d->report.rows_removed);
    if (wipes_synced(d, d->synced)) {
        return;
    }
    if (d->synced == ROVE_UNAUTHORIZED || d->synced == ROVE_REVOKED || d->synced == ROVE_EXPIRED) {
        d->wanted = d->user;
    }
    device_look(d);
}

static void resume(device *d) {
    if (sim_fiber_resume(d->fiber)) {
        sync_ended(d);
    } else if (d->machine.disk.off) {
        device_look(d);
    }
}

static void sync(device *d, const plan_event *event) {
    if (d->replica == NULL || d->fiber != NULL) {
        return;
    }
    if (d->wanted >= 0) {
        enroll(d);
        return;
    }
    d->air = sim_stream(event->faults ^ event->work, 21);
    d->beside = sim_stream(event->faults ^ event->work, 22);
    d->faults = event->faults;
    d->deaf = event->what == PLAN_LOST;
    d->syncs++;
    d->requests = 0;
    d->w->counts->syncs++;
    leases_sync(d, 1, ROVE_OK);
    device_speaks(d);
    memset(&d->report, 0, sizeof d->report);
    d->fiber = sim_fiber_new(sync_body, d);
    resume(d);
}

rove_status device_sync_calm(device *d, rove_sync_report *report) {
    rove_error error = {0};
    if (d->wanted >= 0) {
        enroll(d);
    }
    d->syncs++;
    d->w->counts->syncs++;
    d->faults = 0;
    d->deaf = 0;
    d->requests = 0;
    device_speaks(d);
    memset(report, 0, sizeof *report);
    rove_status status = rove_sync(d->replica, NULL, report, &error);
    device_hears(d);
    world_says(d->w, "device %d syncs in peace: %s, %llu pushed, %llu applied, %llu removed%s",
               d->number, rove_status_name(status), (unsigned long long)report->rows_pushed,
               (unsigned long long)report->rows_applied, (unsigned long long)report->rows_removed,
               report->verified ? ", equal" : "");
    claims_synced(d, status, report);
    if (wipes_synced(d, status)) {
        for (int i = 0; i < 4 && d->replica == NULL; i++) {
            device_wake(d);
        }
        return status;
    }
    (void)device_may(d, "sync", status, &error);
    if (status == ROVE_UNAUTHORIZED || status == ROVE_REVOKED || status == ROVE_EXPIRED) {
        d->wanted = d->user;
    }
    return status;
}

void device_wake(device *d) {
    if (d->fiber != NULL) {
        resume(d);
    } else if (d->replica == NULL && d->exists) {
        start(d);
    }
}

/* ---- copies --------------------------------------------------------------------------------------------- */

#define IMAGE_DISK(d) ((d)->number + 32)

/* What was written here since is gone with the files, or is another device's. */
static void give_up_since(device *d, size_t first) {
    ledger *l = &d->w->ledger;
    for (size_t i = first; i < l->count; i++) {
        if (l->writes[i].author == d->number) {
            l->writes[i].given_up = 1;
            l->records[l->writes[i].record].odd = 1;
        }
    }
}

static void take_image(device *d) {
    if (d->fiber != NULL || d->user < 0 || d->wanted >= 0 || wipes_under_way(d)) {
        return;
    }
    if (!d->has_image) {
        sim_disk_open(&d->image, IMAGE_DISK(d), 1);
    }
    sim_disk_copy(&d->image, &d->machine.disk);
    d->has_image = 1;
    d->image_user = d->user;
    d->image_keyring = d->ports.keyring;
    d->image_writes = d->w->ledger.count;
    d->image_syncs = d->syncs;
    d->image_notes = d->w->notes.count;
    claims_copied(d);
}

static void stop_at_rest(device *d) {
    if (d->replica != NULL) {
        device_stop(d, 0, MINUTE_MS);
    }
    d->up_ms = d->w->now_ms + MINUTE_MS;
}

static void goes_on_with(device *d, const device *of, uint64_t syncs) {
    d->copied = d->syncs;
    d->copied_of = of->number;
    d->copied_when = syncs;
}

static void restore(device *d) {
    if (!d->has_image || d->image_user != d->user || d->wanted >= 0) {
        return;
    }
    stop_at_rest(d);
    sim_disk_copy(&d->machine.disk, &d->image);
    d->ports.keyring = d->image_keyring;
    give_up_since(d, d->image_writes);
    notes_went_back(d, d->image_notes);
    claims_restored(d);
    leases_went_back(d);
    goes_on_with(d, d, d->image_syncs);
    d->family = d->family < 0 ? d->number : d->family;
    d->w->counts->restores_of_devices++;
    d->w->copied |= 1u << d->line;
    world_says(d->w, "device %d goes back to what was copied", d->number);
}

/* The last device of the world is made of a copy, if it was not there yet. */
static void clone(device *d, uint64_t work) {
    unsigned to = (unsigned)(work % d->w->plan->devices);
    device *copy = &d->w->devices[to];
    if (wipes_under_way(d) || wipes_under_way(copy) || copy == d || d->fiber != NULL ||
        copy->fiber != NULL || d->user < 0 || d->wanted >= 0 || copy->replica == NULL) {
        return;
    }
    /* What the other one had not sent goes with its files. */
    stop_at_rest(copy);
    give_up_since(copy, 1);
    notes_went_back(copy, 1);
    sim_disk_copy(&copy->machine.disk, &d->machine.disk);
    copy->ports.keyring = d->ports.keyring;
    copy->user = d->user;
    copy->whole = 1;
    copy->seq = 0;
    copy->wanted = -1;
    copy->syncs++;
    goes_on_with(copy, d, d->syncs);
    leases_went_back(copy);
    d->family = d->family < 0 ? d->number : d->family;
    copy->family = d->family;
    copy->line = d->line;
    d->w->counts->clones++;
    d->w->copied |= 1u << d->line;
    world_says(d->w, "device %u goes on with a copy of device %d", to, d->number);
}

/* ---- acts ----------------------------------------------------------------------------------------------- */

static void jump(device *d, sim_dice *dice) {
    static const int64_t years[] = {-50, 12, 74};
    uint64_t kind = sim_below(dice, 20);
    int64_t sign = sim_chance(dice, 500) ? 1 : -1;
    if (kind < 10) {
        d->machine.offset_ms = sign * (int64_t)sim_below(dice, 10 * (uint64_t)MINUTE_MS);
    } else if (kind < 15) {
        d->machine.offset_ms = sign * (int64_t)sim_below(dice, (uint64_t)DAY_MS);
    } else if (kind < 18) {
        d->machine.offset_ms = years[sim_below(dice, 3)] * 365 * DAY_MS;
    } else {
        d->machine.offset_ms = 0;
    }
    leases_odd(d);
    d->machine.drift_from_ms = d->w->now_ms;
    d->machine.drift_ppm = (int64_t)sim_below(dice, 400) - 200;
    d->w->counts->clock_jumps++;
}

static void disturb(device *d, sim_dice *dice) {
    if (sim_chance(dice, 300)) {
        d->machine.fail_in = 1 + sim_below(dice, 2000);
        d->w->counts->out_of_memory++;
    } else if (sim_chance(dice, 500)) {
        d->machine.disk.full_in = 1 + sim_below(dice, 50);
        d->w->counts->disk_failures++;
    } else {
        d->machine.disk.fail_in = 1 + sim_below(dice, 200);
        d->w->counts->disk_failures++;
    }
}

/* Locked, it tells nothing; unlocked, it goes on. What could not be unlocked is started anew. */
static void lock(device *d) {
    rove_error error = {0};
    rove_query *query = NULL;
    rove_status status = rove_lock(d->replica, &error);
    (void)device_may(d, "lock", status, &error);
    if (rove_query_new(d->replica, "SELECT name FROM account", NULL, 0, &query, &error) !=
        ROVE_LOCKED) {
        VIOLATED(d->w, "I15", "device %d is locked, and answers", d->number);
    }
    rove_query_free(query);
    notes_record(d);
    status = rove_unlock(d->replica, &error);
    (void)device_may(d, "unlock", status, &error);
    d->w->counts->locked++;
    if (status != ROVE_OK) {
        device_stop(d, d->machine.disk.off, MINUTE_MS);
    }
}

/* Of an encrypted one the key may be replaced instead, which writes the file anew too; or it is locked. */
static void tidy(device *d, sim_dice *dice) {
    rove_error error = {0};
    if (d->replica == NULL || d->fiber != NULL) {
        return;
    }
    uint64_t what = d->ports.keyring.secret != NULL ? sim_below(dice, 3) : 0;
    if (what == 0) {
        (void)device_may(d, "tidy", rove_tidy(d->replica, &error), &error);
        d->w->counts->tidied++;
    } else if (what == 1) {
        (void)device_may(d, "replace the key", rove_replace_key(d->replica, &error), &error);
        d->w->counts->rekeyed++;
    } else {
        lock(d);
    }
    device_look(d);
}

void device_act(device *d, const plan_event *event) {
    sim_dice dice = sim_stream(event->work, 4);
    d->machine.core = sim_stream(event->work, 3);
    switch (event->what) {
    case PLAN_SYNC:
    case PLAN_LOST:
        sync(d, event);
        break;
    case PLAN_TIDY:
        tidy(d, &dice);
        break;
    case PLAN_KILL:
        if (d->replica != NULL) {
            device_stop(d, 0, (int64_t)sim_below(&dice, (uint64_t)HOUR_MS));
        }
        break;
    case PLAN_POWER:
        d->machine.disk.cut_in = 1 + sim_below(&dice, sim_chance(&dice, 500) ? 40 : 400);
        break;
    case PLAN_FULL:
        disturb(d, &dice);
        break;
    case PLAN_CLOCK:
        jump(d, &dice);
        break;
    case PLAN_SLOW: /* while it runs it would not ask its wall clock */
        if (d->replica != NULL) {
            (void)leases_reads(d); /* its clock is noticed for sure if that was before */
            device_stop(d, 1, MINUTE_MS);
            d->machine.offset_ms -= HOUR_MS;
            leases_turned_back(d, HOUR_MS);
            d->w->counts->clock_jumps++;
        }
        break;
    case PLAN_HELD:
        if (d->replica != NULL && d->fiber == NULL) {
            leases_held(d);
        }
        break;
    case PLAN_IMAGE:
        take_image(d);
        break;
    case PLAN_RESTORE:
        restore(d);
        break;
    case PLAN_CLONE:
        clone(d, event->work);
        break;
    case PLAN_WIPE:
        wipes_act(d, event);
        break;
    case PLAN_HANDOVER:
        if (d->fiber == NULL && d->user >= 0 && !wipes_under_way(d)) {
            d->wanted = (int)sim_below(&dice, d->w->plan->users);
        }
        break;
    default:
        break;
    }
}
