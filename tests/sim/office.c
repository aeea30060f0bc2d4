/*
 * sim/office.c - headquarters of a simulation: the real handle of rove-hq, its commands, its half of the exchange and its
 * database, on a simulated machine. What stands in for HTTP is here: who is let in, and enrolment, with certificates that say
 * what real ones say and prove nothing.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "orders.h"
#include "sync/enroll.h"

#define FOLDER      "/1"
#define TEMPLATE    62
#define ARENA_MAX   ((size_t)8 * 1024 * 1024)
#define HOUR_MS     INT64_C(3600000)
#define EXPIRED_MS  (60 * 24 * HOUR_MS) /* so long after its end a certificate can be renewed */
#define SPOOLED_MAX ((size_t)64 * 1024 * 1024)
#define COPIES_MAX  2

/* ---- what pushes wait in -------------------------------------------------------------------------------- */

struct rove__spool_file {
    uint8_t *data;
    size_t size;
};

static rove_status spool_open(void *ctx, rove__spool_file **file) {
    office *o = ctx;
    *file = sim_disk_works(&o->machine.disk) ? calloc(1, sizeof **file) : NULL;
    return *file == NULL ? ROVE_IO : ROVE_OK;
}

static rove_status spool_write(rove__spool_file *file, size_t at, const void *bytes, size_t size) {
    uint8_t *data =
        at == file->size && at + size <= SPOOLED_MAX ? realloc(file->data, at + size) : NULL;
    if (data == NULL) {
        return ROVE_FULL;
    }
    memcpy(data + at, bytes, size);
    file->data = data;
    file->size = at + size;
    return ROVE_OK;
}

static rove_status spool_read(rove__spool_file *file, size_t at, void *bytes, size_t size) {
    if (at > file->size || size > file->size - at) {
        return ROVE_IO;
    }
    memcpy(bytes, file->data + at, size);
    return ROVE_OK;
}

static void spool_close(rove__spool_file *file) {
    free(file->data);
    free(file);
}

/* ---- certificates --------------------------------------------------------------------------------------- */

typedef struct certificate {
    char magic[8];
    rove_id user;
    int64_t after_ms, until_ms;
    rove_replica replica, former;
    uint8_t public_key[SIM_PUBLIC_KEY_SIZE];
} certificate;

static const char magic[8] = "simcert";

static int read_certificate(rove__bytes bytes, certificate *out) {
    if (bytes.data == NULL || bytes.size != sizeof *out) {
        return 0;
    }
    memcpy(out, bytes.data, sizeof *out);
    return memcmp(out->magic, magic, sizeof magic) == 0;
}

rove_status office_identify(void *ctx, rove__bytes bytes, rove__signer *signer) {
    certificate c;
    (void)ctx;
    if (!read_certificate(bytes, &c)) {
        return ROVE_UNAUTHORIZED;
    }
    *signer = (rove__signer){.replica = c.replica,
                             .former = c.former,
                             .user = c.user,
                             .public_size = sizeof c.public_key};
    memcpy(signer->public_key, c.public_key, sizeof c.public_key);
    return ROVE_OK;
}

/* ---- the first day -------------------------------------------------------------------------------------- */

static sim_disk template;
static rove_id template_users[PLAN_USERS_MAX];
static rove_id template_accounts[WORLD_ACCOUNTS];

static void must(rove_status status, const rove_error *error) {
    if (status != ROVE_OK) {
        fprintf(stderr, "rove-sim: the first day: %s: %s\n", rove_status_name(status),
                error->message);
        abort();
    }
}

typedef struct first_day {
    hq *hq;
    rove__arena arena;
    rove__writer *writer;
    uint32_t key;
    rove_error error;
} first_day;

static void put(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

static rove_value text_in(first_day *f, const char *text) {
    size_t size = strlen(text);
    char *copy = rove__arena_take(&f->arena, size + 1);
    memcpy(copy, text, size + 1);
    return rove__value_text(copy);
}

static void begin_row(first_day *f, const char *entity, rove__row *row) {
    must(rove__row_init(row, rove__registry_by_name(hq_registry(f->hq), entity), 0, &f->arena),
         &f->error);
}

static rove_id insert(first_day *f, rove__row *row) {
    must(rove__writer_insert(f->writer, row, &f->error), &f->error);
    return row->id;
}

/* A record with a key of its own, as world.c counts them too. */
static void name_record(first_day *f, ledger_kind kind, rove__row *row) {
    char key[LEDGER_KEY_SIZE];
    begin_row(f, ledger_entities[kind].name, row);
    ledger_text('r', ++f->key, key);
    put(row, ledger_entities[kind].key, text_in(f, key));
}

static void fill_account(first_day *f, unsigned number, rove_id *account) {
    rove__row row;
    (void)number;
    name_record(f, LEDGER_ACCOUNT, &row);
    put(&row, "name", rove__value_text("w0;"));
    *account = insert(f, &row);
}

static rove_status fill(void *ctx, rove__hq_tx *tx, rove_error *error) {
    first_day *f = ctx;
    rove_id *accounts = template_accounts;
    rove_id contacts[WORLD_ACCOUNTS];
    uint64_t seq = 0;
    rove__row row;
    must(hq_writer(f->hq, tx, "first", "import", &f->writer, error), error);
    for (int i = 0; i < PLAN_USERS_MAX; i++) {
        char login[8] = {'u', (char)('0' + i), '\0'};
        begin_row(f, "User", &row);
        put(&row, "name", text_in(f, login));
        put(&row, "login", text_in(f, login));
        template_users[i] = insert(f, &row);
    }
    for (unsigned i = 0; i < WORLD_ACCOUNTS; i++) {
        fill_account(f, i, &accounts[i]);
    }
    for (unsigned i = 0; i < 2 * WORLD_ACCOUNTS; i++) {
        name_record(f, LEDGER_VISIT, &row);
        put(&row, "account_id", rove__value_int(accounts[i % WORLD_ACCOUNTS]));
        put(&row, "planned_start", rove__value_int(WORLD_BEGIN_MS + (int64_t)i * HOUR_MS));
        (void)insert(f, &row);
    }
    for (unsigned i = 0; i < WORLD_ACCOUNTS; i++) {
        name_record(f, LEDGER_CONTACT, &row);
        put(&row, "last_name", rove__value_text("Lee"));
        contacts[i] = insert(f, &row);
    }
    for (unsigned i = 0; i < WORLD_ACCOUNTS; i++) {
        name_record(f, LEDGER_ROLE, &row);
        put(&row, "account_id", rove__value_int(accounts[i]));
        put(&row, "contact_id", rove__value_int(contacts[i]));
        (void)insert(f, &row);
    }
    for (unsigned i = 0; i < WORLD_ACCOUNTS; i++) {
        for (unsigned user = 0; user < PLAN_USERS_MAX; user++) {
            if ((world_first_holders(i) >> user & 1u) != 0) {
                must(rove__writer_grant(f->writer, template_users[user], accounts[i], 0, error),
                     error);
            }
        }
    }
    return rove__writer_finish(f->writer, &seq, error);
}

static hq_ports make_ports(office *o) {
    return (hq_ports){.allocator = sim_machine_allocator(&o->machine),
                      .clock = sim_machine_clock(&o->machine),
                      .random = sim_machine_random(&o->machine),
                      .files = sim_disk_files(&o->machine.disk),
                      .crypto = sim_crypto_port(&o->machine.crypto),
                      .log = sim_machine_log(&o->machine, ROVE_LOG_DEBUG),
                      .one_thread = 1};
}

void office_prepare(const rove_crypto *crypto, const int64_t *now_ms) {
    static const char *const hosts[] = {"hq.example.com"};
    hq_init_options options = {.name = "Ajax",
                               .hosts = hosts,
                               .host_count = 1,
                               .currency = "EUR",
                               .timezone = "UTC",
                               .operator_name = "first"};
    first_day f = {.key = 0};
    office *o = calloc(1, sizeof *o);
    sim_machine_open(&o->machine, 1, 1, now_ms, crypto);
    o->ports = make_ports(o);
    must(hq_init(&o->ports, FOLDER, &options, &f.error), &f.error);
    must(hq_open(&o->ports, FOLDER, &f.hq, &f.error), &f.error);
    rove__arena_init(&f.arena, &o->ports.allocator, ARENA_MAX);
    must(hq_commit(f.hq, fill, &f, &f.error), &f.error);
    rove__arena_free(&f.arena);
    hq_close(f.hq);
    sim_disk_unlock_all(&o->machine.disk);
    sim_disk_open(&template, TEMPLATE, 1);
    sim_disk_copy(&template, &o->machine.disk);
    sim_machine_close(&o->machine);
    free(o);
}

/* ---- up and down ---------------------------------------------------------------------------------------- */

static void read_log(const sim_machine *machine, rove_log_level level, const char *module,
                     const char *text) {
    (void)machine;
    (void)level;
    fprintf(stderr, "        hq %s: %s\n", module, text);
}

void office_begin(office *o, world *w) {
    *o = (office){.w = w, .up_ms = WORLD_NEVER, .page_rows = w->plan->page_rows};
    sim_machine_open(&o->machine, 1, w->plan->devices + 17, &w->now_ms, w->crypto);
    sim_disk_copy(&o->machine.disk, &template);
    o->machine.log = w->verbose > 1 ? read_log : NULL;
    o->ports = make_ports(o);
    o->spool = (rove__spool_port){spool_open, spool_write, spool_read, spool_close, o};
    memcpy(o->users, template_users, sizeof o->users);
    memcpy(o->accounts, template_accounts, sizeof o->accounts);
    o->routing = sim_stream(w->plan->devices + w->plan->count, 32);
    o->wall_most_ms = sim_machine_wall_ms(&o->machine);
    office_start(o);
}

/* An older headquarters: its limits are narrower than those of the devices. */
static void narrow(office *o) {
    static const char *const names[][2] = {
        {"Account", "description"}, {"Visit", "notes"}, {"Task", "description"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const rove__entity *entity = rove__registry_by_name(hq_registry(o->hq), names[i][0]);
        rove__field *field = NULL;
        memcpy(
            &field,
            &(const rove__field *){&entity->fields[rove__entity_field_named(entity, names[i][1])]},
            sizeof field);
        field->max = 200;
    }
}

/* Certificates are those of the simulation, and what waits lies in its memory: for all that headquarters does. */
static void stand_in(office *o) {
    rove__server_ports ports = hq_server_ports(o->hq);
    rove__server_sealing *sealing = NULL;
    rove__spool_port *spool = NULL;
    memcpy(&sealing, &ports.sealing, sizeof sealing);
    memcpy(&spool, &ports.spool, sizeof spool);
    sealing->identify = office_identify;
    *spool = o->spool;
}

static rove_status start(office *o, rove_error *error) {
    hq_restored restored = {.aside = "nothing"};
    rove_status status = hq_open(&o->ports, FOLDER, &o->hq, error);
    if (status == ROVE_OK && o->went_back) {
        status = hq_note_restore(o->hq, NULL, "a backup", &restored, error);
        o->went_back = status != ROVE_OK;
    }
    if (status != ROVE_OK) {
        hq_close(o->hq);
        o->hq = NULL;
    }
    return status;
}

void office_start(office *o) {
    rove_error error = {0};
    o->up_ms = WORLD_NEVER;
    rove_status status = start(o, &error);
    if (status != ROVE_OK) {
        if (o->machine.disk.off || o->machine.disk.count.refused > 0 || o->machine.fail_in > 0) {
            office_stop(o, o->machine.disk.off, 60000);
        } else {
            VIOLATED(o->w, "I22", "headquarters does not open: %s: %s", rove_status_name(status),
                     error.message);
        }
        return;
    }
    if (o->w->plan->strict) {
        narrow(o);
    }
    stand_in(o);
    world_says(o->w, "headquarters is up");
}

void office_stop(office *o, int power, int64_t pause_ms) {
    world_says(o->w, "headquarters goes down%s", power ? " without power" : "");
    o->machine.disk.off = 1;
    for (session *s = o->sessions; s != NULL; s = s->next) {
        rove__server_free(s->server);
        s->server = NULL;
    }
    copy_end();
    drop_box_free(o->box);
    o->box = NULL;
    hq_close(o->hq);
    o->hq = NULL;
    if (o->machine.alive != 0) {
        VIOLATED(o->w, "I21", "headquarters left %zu allocations", o->machine.alive);
        o->machine.alive = 0;
    }
    if (power) {
        sim_disk_power_cut(&o->machine.disk);
        o->w->counts->power_cuts++;
    } else {
        o->w->counts->kills++;
    }
    o->machine.disk.count.refused = 0;
    o->machine.fail_in = 0;
    sim_machine_boot(&o->machine);
    o->up_ms = o->w->now_ms + pause_ms;
}

void office_look(office *o) {
    if (o->hq != NULL && o->machine.disk.off) {
        office_stop(o, 1, 1000 + (int64_t)sim_below(&o->machine.core, 600000));
    }
    int64_t wall_ms = sim_machine_wall_ms(&o->machine);
    o->wall_most_ms = wall_ms > o->wall_most_ms ? wall_ms : o->wall_most_ms;
}

void office_end(office *o) {
    late_end(o);
    if (o->hq != NULL) {
        copy_end();
        drop_box_free(o->box);
        o->box = NULL;
        hq_close(o->hq);
        o->hq = NULL;
        if (o->machine.alive != 0) {
            VIOLATED(o->w, "I21", "headquarters left %zu allocations", o->machine.alive);
        }
    }
    for (size_t i = 0; i < OFFICE_REPLAYS; i++) {
        free(o->replays[i].bytes);
    }
    free(o->dropped);
    free(o->backup);
    free(o->backup_holders);
    free(o->backup_ever);
    sim_machine_close(&o->machine);
}

rove_status office_read(office *o, hq_job job, void *ctx) {
    rove_error error = {0};
    return hq_read(o->hq, job, ctx, &error);
}

/* ---- who is let in -------------------------------------------------------------------------------------- */

typedef struct admission {
    office *o;
    certificate shown;
    int has_shown;
    rove__hq_device device;
    int fresh; /* a new number */
    int refused;
    uint8_t public_key[SIM_PUBLIC_KEY_SIZE];
    certificate issued;
} admission;

static rove__hq_store *store_of(office *o) {
    return &hq_database(o->hq)->store;
}

static rove_status hash_key(office *o, const uint8_t *key, uint8_t *hash) {
    rove_span span = {key, SIM_PUBLIC_KEY_SIZE};
    return o->ports.crypto.sha256(o->ports.crypto.ctx, &span, 1, hash);
}

/* The key goes into the records of devices: headquarters proves by it what was signed. */
static rove_status record_key(office *o, rove__hq_tx *tx, rove_id user, const uint8_t *key,
                              rove_error *error) {
    const rove__entity *entity = rove__registry_by_name(hq_registry(o->hq), "Device");
    rove__writer *writer = NULL;
    rove__arena arena;
    rove__row row;
    uint64_t seq = 0;
    rove__arena_init(&arena, &o->ports.allocator, ARENA_MAX);
    rove_status status = rove__row_init(&row, entity, 0, &arena);
    if (status == ROVE_OK) {
        put(&row, "user_id", rove__value_int(user));
        put(&row, "public_key", rove__value_bytes(ROVE_BLOB, key, SIM_PUBLIC_KEY_SIZE));
        status = hq_writer(o->hq, tx, "", "enroll", &writer, error);
    }
    if (status == ROVE_OK) {
        status = rove__writer_insert(writer, &row, error);
        if (status == ROVE_OK) {
            status = rove__writer_finish(writer, &seq, error);
        } else {
            rove__writer_abandon(writer);
        }
    }
    rove__arena_free(&arena);
    return status;
}

/* A restored headquarters has forgotten a device, or its newest certificate. All are good for as long, so that one is the last. */
static int is_forgotten(const admission *a, rove_status status) {
    return status == ROVE_NOT_FOUND ||
           (status == ROVE_OK && a->device.status == ROVE_DEVICE_ACTIVE &&
            a->device.user == a->shown.user && a->shown.until_ms > a->device.certificate_until_ms);
}

/* Such a device is known again by its certificate, with its key (T3). */
static rove_status readmit(void *ctx, rove__hq_tx *tx, rove_error *error) {
    admission *a = ctx;
    rove_status status = store_of(a->o)->device_get(tx, a->shown.replica, 0, &a->device);
    if (!is_forgotten(a, status)) {
        return status;
    }
    if (status == ROVE_NOT_FOUND) {
        a->device = (rove__hq_device){.replica = a->shown.replica,
                                      .former = a->shown.former,
                                      .user = a->shown.user,
                                      .status = ROVE_DEVICE_ACTIVE,
                                      .enrolled_ms = a->shown.after_ms};
    }
    a->device.certificate_until_ms = a->shown.until_ms;
    status = hash_key(a->o, a->shown.public_key, a->device.key_hash);
    if (status == ROVE_OK) {
        status = store_of(a->o)->device_put(tx, &a->device);
    }
    return status == ROVE_OK ? record_key(a->o, tx, a->shown.user, a->shown.public_key, error)
                             : status;
}

static rove_status get_device(void *ctx, rove__hq_tx *tx, rove_error *error) {
    admission *a = ctx;
    (void)error;
    return store_of(a->o)->device_get(tx, a->shown.replica, 0, &a->device);
}

static rove_status authorise(office *o, rove__bytes bytes, int64_t grace_ms, admission *a) {
    *a = (admission){.o = o};
    if (!read_certificate(bytes, &a->shown)) {
        return ROVE_UNAUTHORIZED;
    }
    a->has_shown = 1;
    rove_status status = office_read(o, get_device, a);
    if (is_forgotten(a, status)) {
        status = hq_commit(o->hq, readmit, a, NULL);
    }
    if (status != ROVE_OK) {
        return ROVE_LATER;
    }
    if (a->device.status == ROVE_DEVICE_REVOKED) {
        return ROVE_REVOKED;
    }
    return hq_now_ms(o->hq) <= a->shown.until_ms + grace_ms ? ROVE_OK : ROVE_EXPIRED;
}

/* ---- enrolment ------------------------------------------------------------------------------------------ */

static rove_status issue(admission *a, rove__hq_tx *tx, rove_replica replica, rove_replica former,
                         rove_id user, rove_error *error) {
    int64_t now_ms = hq_now_ms(a->o->hq);
    const plan *p = a->o->w->plan;
    int64_t days =
        3 + (p->days * 5 + p->devices * 3 + p->users) % 28; /* the same in all of a story */
    a->issued = (certificate){.user = user,
                              .after_ms = now_ms,
                              .until_ms = now_ms + days * 24 * HOUR_MS,
                              .replica = replica,
                              .former = former};
    memcpy(a->issued.magic, magic, sizeof magic);
    memcpy(a->issued.public_key, a->public_key, sizeof a->public_key);
    rove__hq_device known = a->device;
    if (a->fresh) {
        known = (rove__hq_device){.replica = replica,
                                  .former = former,
                                  .user = user,
                                  .status = ROVE_DEVICE_ACTIVE,
                                  .enrolled_ms = now_ms};
    }
    known.certificate_until_ms = a->issued.until_ms;
    rove_status status = hash_key(a->o, a->public_key, known.key_hash);
    if (status == ROVE_OK) {
        status = store_of(a->o)->device_put(tx, &known);
    }
    return status == ROVE_OK ? record_key(a->o, tx, user, a->public_key, error) : status;
}

static rove_status issue_fresh(admission *a, rove__hq_tx *tx, rove_replica former, rove_id user,
                               rove_error *error) {
    rove_replica replica = 0;
    a->fresh = 1;
    rove_status status = hq_draw_replica(a->o->hq, tx, &replica, error);
    return status == ROVE_OK ? issue(a, tx, replica, former, user, error) : status;
}

/* With which the server signs; of the simulation, as certificates are. */
static const uint8_t server_key[SIM_PUBLIC_KEY_SIZE] = "headquarters";

static rove_status answer_identity(admission *a, rove__buf *answer) {
    const hq_keys *keys = hq_get_keys(a->o->hq);
    rove__identity identity = {.replica = a->issued.replica,
                               .user = a->issued.user,
                               .server_ms = hq_now_ms(a->o->hq),
                               .until_ms = a->issued.until_ms,
                               .renew_after_ms = a->issued.after_ms +
                                                 (a->issued.until_ms - a->issued.after_ms) / 3 * 2,
                               .ca = (const uint8_t *)"authority",
                               .ca_size = 9,
                               .certificate = (const uint8_t *)&a->issued,
                               .certificate_size = sizeof a->issued,
                               .organisation = (const uint8_t *)"Ajax",
                               .organisation_size = 4,
                               .seal_key = keys->seal_key};
    rove_span span = {server_key, sizeof server_key};
    rove_status status = a->o->ports.crypto.sha256(a->o->ports.crypto.ctx, &span, 1, identity.pin);
    rove__identity_write(answer, &identity);
    return status == ROVE_OK ? rove__buf_status(answer) : status;
}

typedef struct enrolling {
    admission a;
    rove_id user;
} enrolling;

static rove_status enrol_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    enrolling *e = ctx;
    int same = e->a.has_shown && e->a.shown.user == e->user;
    rove_replica former = 0;
    if (same) {
        rove_status status = store_of(e->a.o)->device_get(tx, e->a.shown.replica, 0, &e->a.device);
        if (status == ROVE_OK && e->a.device.status == ROVE_DEVICE_ACTIVE &&
            hq_now_ms(e->a.o->hq) <= e->a.shown.until_ms + EXPIRED_MS) {
            return ROVE_EXISTS;
        }
        if (is_forgotten(&e->a, status)) {
            status = readmit(&e->a, tx, error);
        }
        if (status != ROVE_OK) {
            return status;
        }
        former = e->a.device.status == ROVE_DEVICE_REVOKED ? 0 : e->a.shown.replica;
    }
    return issue_fresh(&e->a, tx, former, e->user, error);
}

rove_status office_enrol(office *o, rove__bytes shown, rove__bytes body, int user,
                         rove__buf *answer) {
    rove__enroll_request request;
    enrolling e = {.a = {.o = o}, .user = o->users[user]};
    if (o->hq == NULL) {
        return ROVE_NETWORK;
    }
    if (rove__enroll_request_read(&request, 0, body.data, body.size) != ROVE_OK ||
        request.csr_size < SIM_PUBLIC_KEY_SIZE) {
        return ROVE_PROTOCOL;
    }
    memcpy(e.a.public_key, request.csr, SIM_PUBLIC_KEY_SIZE);
    e.a.has_shown = read_certificate(shown, &e.a.shown);
    rove_status status = hq_commit(o->hq, enrol_job, &e, NULL);
    office_look(o);
    if (status == ROVE_OK) {
        o->w->counts->enrolments++;
        return o->hq == NULL ? ROVE_NETWORK : answer_identity(&e.a, answer);
    }
    return status == ROVE_EXISTS ? status : ROVE_LATER;
}

typedef struct copies {
    rove_replica number;
    size_t came;
} copies;

static rove_status each_copy(void *ctx, const rove__hq_device *other) {
    copies *c = ctx;
    c->came += other->former == c->number && other->status != ROVE_DEVICE_REPLACED &&
               other->contact_ms != 0;
    return ROVE_OK;
}

static rove_status renew_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    admission *a = ctx;
    copies found = {.number = a->shown.replica};
    rove_status status = store_of(a->o)->device_get(tx, a->shown.replica, 1, &a->device);
    if (status != ROVE_OK || a->device.status != ROVE_DEVICE_ACTIVE) {
        a->refused = 1;
        return status;
    }
    if (!a->fresh) {
        return issue(a, tx, a->device.replica, a->shown.former, a->device.user, error);
    }
    status = store_of(a->o)->device_scan(tx, a->device.user, each_copy, &found);
    a->refused = status != ROVE_OK || found.came >= COPIES_MAX;
    if (!a->refused) {
        status = issue_fresh(a, tx, a->device.replica, a->device.user, error);
    }
    if (status == ROVE_OK && found.came + 1 >= COPIES_MAX) {
        a->device.status = ROVE_DEVICE_REPLACED;
        status = store_of(a->o)->device_put(tx, &a->device);
    }
    return status;
}

rove_status office_renew(office *o, rove__bytes shown, rove__bytes body, rove__buf *answer) {
    rove__enroll_request request;
    admission a;
    if (o->hq == NULL) {
        return ROVE_NETWORK;
    }
    rove_status status = authorise(o, shown, EXPIRED_MS, &a);
    office_look(o);
    if (status != ROVE_OK || o->hq == NULL) {
        return o->hq == NULL ? ROVE_NETWORK : status;
    }
    if (rove__enroll_request_read(&request, 1, body.data, body.size) != ROVE_OK ||
        request.csr_size < SIM_PUBLIC_KEY_SIZE) {
        return ROVE_PROTOCOL;
    }
    memcpy(a.public_key, request.csr, SIM_PUBLIC_KEY_SIZE);
    a.fresh = (request.flags & ROVE_RENEW_FRESH_REPLICA) != 0;
    if (a.fresh) {
        claims_forked(o->w, a.shown.replica);
    }
    status = hq_commit(o->hq, renew_job, &a, NULL);
    office_look(o);
    if (o->hq == NULL) {
        return ROVE_NETWORK;
    }
    if (status != ROVE_OK || a.refused) {
        return a.refused ? ROVE_UNAUTHORIZED : ROVE_LATER;
    }
    o->w->counts->renewals++;
    return answer_identity(&a, answer);
}

/* ---- exchanges ------------------------------------------------------------------------------------------ */

rove_status office_open(office *o, rove__bytes shown, session **out) {
    admission a;
    *out = NULL;
    if (o->hq == NULL) {
        return ROVE_NETWORK;
    }
    rove_status status = authorise(o, shown, 0, &a);
    office_look(o);
    if (status != ROVE_OK || o->hq == NULL) {
        return o->hq == NULL ? ROVE_NETWORK : status;
    }
    session *s = calloc(1, sizeof *s);
    rove__server_ports ports = hq_server_ports(o->hq);
    rove__server_policy policy = *hq_policy(o->hq);
    ports.store = copy_store(o, late_store(ports.store));
    policy.page_rows = o->page_rows;
    policy.lease_ms = leases_granted_ms(o->w);
    s->replica = a.device.replica;
    status = rove__server_new(&ports, &policy, a.device.replica, hq_now_ms(o->hq), &s->server);
    if (status != ROVE_OK) {
        free(s);
        return ROVE_LATER;
    }
    s->next = o->sessions;
    o->sessions = s;
    o->w->counts->exchanges++;
    *out = s;
    return ROVE_OK;
}

static rove_status told(office *o, session *s, rove_status status) {
    office_look(o);
    return s->server == NULL ? ROVE_NETWORK : status == ROVE_OK ? ROVE_OK : ROVE_SERVER;
}

rove_status office_receive(office *o, session *s, const void *bytes, size_t size) {
    return s->server == NULL ? ROVE_NETWORK
                             : told(o, s, rove__server_receive(s->server, bytes, size));
}

rove_status office_received(office *o, session *s) {
    return s->server == NULL ? ROVE_NETWORK : told(o, s, rove__server_received(s->server));
}

typedef struct committing {
    office *o;
    session *s;
    rove_status said;
} committing;

static rove_status commit_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    committing *c = ctx;
    c->said = rove__server_commit(c->s->server, tx, hq_now_ms(c->o->hq), error);
    return c->said;
}

rove_status office_commit(office *o, session *s, int *again) {
    committing c = {.o = o, .s = s};
    *again = s->server != NULL && rove__server_wants_commit(s->server);
    if (!*again) {
        return s->server == NULL ? ROVE_NETWORK : ROVE_OK;
    }
    rove_status status = hq_commit(o->hq, commit_job, &c, NULL);
    int tells = c.said != ROVE_OK && c.said != ROVE_LATER; /* the session says it itself */
    return told(o, s, tells ? ROVE_OK : status);
}

rove_status office_answer(office *o, session *s, void *bytes, size_t capacity, size_t *size) {
    *size = 0;
    return s->server == NULL ? ROVE_NETWORK
                             : told(o, s, rove__server_answer(s->server, bytes, capacity, size));
}

void office_close(office *o, session *s) {
    for (session **at = &o->sessions; *at != NULL; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    if (s->server != NULL) {
        const rove__server_stats *stats = rove__server_statistics(s->server);
        o->rows_out += stats->rows_out;
        o->w->counts->conflicts += stats->conflicts;
        o->w->counts->reviews += stats->reviews;
        o->w->counts->parked += stats->parked;
        o->w->counts->refused += stats->rejected;
    }
    rove__server_free(s->server);
    free(s);
}

/* ---- orders --------------------------------------------------------------------------------------------- */

typedef struct asking {
    office *o;
    rove_replica replica;
    hq_order order;
} asking;

static rove_status read_order(void *ctx, rove__hq_tx *tx, rove_error *error) {
    asking *a = ctx;
    (void)error;
    return hq_order_get(a->o->hq, tx, a->replica, &a->order);
}

/* As headquarters gave it; but signed by the key that devices of a simulation know. */
static rove_status sign_order(office *o, rove__signed_order order, rove__buf *answer) {
    uint8_t message[ROVE_ORDER_SIGNED_SIZE];
    uint8_t signature[ROVE_SHA256_SIZE];
    rove_span span = {message, sizeof message};
    rove__order_message(&order, message);
    order.key = (rove__bytes){server_key, sizeof server_key};
    order.signature = (rove__bytes){signature, sizeof signature};
    rove_status status = o->ports.crypto.hmac_sha256(o->ports.crypto.ctx, server_key,
                                                     sizeof server_key, &span, 1, signature);
    rove__order_write(answer, &order);
    return status == ROVE_OK ? rove__buf_status(answer) : status;
}

rove_status office_order(office *o, rove__bytes bytes, rove__buf *answer) {
    certificate shown;
    asking a = {.o = o};
    if (o->hq == NULL) {
        return ROVE_NETWORK;
    }
    if (!read_certificate(bytes, &shown)) {
        return ROVE_UNAUTHORIZED;
    }
    a.replica = shown.replica;
    rove_status status = office_read(o, read_order, &a);
    int stands =
        status == ROVE_OK && a.order.size > 0 && hq_order_is_open(&a.order, hq_now_ms(o->hq));
    office_look(o);
    if (o->hq == NULL) {
        return ROVE_NETWORK;
    }
    return stands                                          ? sign_order(o, a.order.order, answer)
           : status == ROVE_OK || status == ROVE_NOT_FOUND ? ROVE_NOT_FOUND
                                                           : ROVE_LATER;
}

/* ---- the drop box --------------------------------------------------------------------------------------- */

static rove_status drop_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    return drop_parcel_commit(ctx, tx, error);
}

static rove_status take_parcel(office *o, const void *body, size_t size, rove__buf *answer) {
    drop_parcel *parcel = NULL;
    rove_status status =
        o->box != NULL ? ROVE_OK : drop_box_new(o->hq, &o->ports.allocator, &o->box);
    if (status == ROVE_OK) {
        status = drop_parcel_open(o->box, body, size, &parcel);
    }
    while (status == ROVE_OK && drop_parcel_wants_commit(parcel)) {
        drop_parcel_committed(parcel, hq_commit(o->hq, drop_job, parcel, NULL));
    }
    if (status == ROVE_OK) {
        size_t count = 0;
        const uint8_t *answers = drop_parcel_answers(parcel, &count);
        rove__buf_append(answer, answers, count);
        for (size_t i = 0; i < count; i++) {
            o->w->counts->notes_taken += answers[i] == DROP_TAKEN;
        }
    }
    drop_parcel_free(parcel);
    return status;
}

rove_status office_drop(office *o, const void *body, size_t size, rove__buf *answer) {
    if (o->hq == NULL) {
        return ROVE_NETWORK;
    }
    rove_status status = take_parcel(o, body, size, answer);
    office_look(o);
    return o->hq == NULL ? ROVE_NETWORK : status == ROVE_OK ? ROVE_OK : ROVE_LATER;
}

void office_remember(office *o, const rove__buf *body, rove_replica replica) {
    size_t at = o->replay_count++ % OFFICE_REPLAYS;
    free(o->replays[at].bytes);
    o->replays[at].bytes = malloc(body->size + 1);
    o->replays[at].size = body->size;
    o->replays[at].replica = replica;
    memcpy(o->replays[at].bytes, body->data, body->size);
}

void office_remember_drop(office *o, const rove__buf *body) {
    free(o->dropped);
    o->dropped = malloc(body->size + 1);
    o->dropped_size = body->size;
    memcpy(o->dropped, body->data, body->size);
}
