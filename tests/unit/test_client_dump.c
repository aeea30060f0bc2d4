/*
 * test_client_dump.c - what somebody finds who gets hold of a device that was locked, or wiped: a dump of the app's memory, its files and its log have
 * nothing of what was written, read, searched, sent and exported, no PIN that was typed, and none of the keys. And of one whose records
 * went to another rep, and that was tidied, or that was handed over to another rep: it has its keys, and nothing of those records.
 *
 * The app is a process of its own. It writes its memory into a file once before it locks the replica, which shows that the search
 * finds things, and once after that; the kernel's own dumps have the same pages, but may be switched off. What is
 * searched for it draws itself, and hands over inverted, so that a search finds no copy but the app's. The keystore and the rep's
 * fingers are held inverted, too: they are no part of Rove. Linux.
 */
#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "memory_scan.h"
#include "ordered_phone.h"
#include "store/internal.h"

#define FOLDER      "client_dump"
#define NEEDLES     "client_dump.needles"
#define LOG         "client_dump.log"
#define BEFORE      "client_dump.before"
#define AFTER       "client_dump.after"
#define EXPORT      "client_dump.rove"
#define NEEDLES_MAX 96
#define WORD_SIZE   20

/* What is looked for, and how often it may be in memory afterwards. */
typedef struct hidden {
    char name[24];
    needle what;
    size_t allowed;
    int is_text; /* not in files or logs either */
} hidden;

enum ending { LOCKED, WIPED, EVICTED, HANDED_OVER };

typedef struct word {
    char text[WORD_SIZE + 1];
} word;

static hidden list[NEEDLES_MAX];
static size_t count;

/* ---- the app ---- */

static phone p;
static seal_keys keys; /* headquarters' */
static needle keystore;
static needle typed;
static FILE *log_file;

static void hide(const char *name, const void *bytes, size_t size, size_t allowed, int is_text) {
    hidden *h = &list[count++];

    assert_true(count < NEEDLES_MAX && size <= NEEDLE_MAX);
    snprintf(h->name, sizeof h->name, "%s", name);
    h->what = needle_of(bytes, size);
    h->allowed = allowed;
    h->is_text = is_text;
}

static void show(const needle *n, void *out) {
    for (size_t i = 0; i < n->size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)(0xff - n->inverted[i]);
    }
}

/* Letters that nobody has seen. The caller wipes them. */
static word draw(const char *name) {
    rove_random random;
    word w;

    rove_posix_random(&random);
    assert_int_equal(random.fill(random.ctx, w.text, WORD_SIZE), ROVE_OK);
    for (size_t i = 0; i < WORD_SIZE; i++) {
        w.text[i] = (char)('A' + (uint8_t)w.text[i] % 26);
    }
    w.text[WORD_SIZE] = '\0';
    hide(name, w.text, WORD_SIZE, 0, 1);
    return w;
}

static rove_status give_secret(void *ctx, uint8_t secret[ROVE_SECRET_SIZE], rove_error *error) {
    (void)ctx;
    (void)error;
    show(&keystore, secret);
    return ROVE_OK;
}

static rove_status give_pin(void *ctx, char *pin, size_t capacity, size_t *size,
                            rove_error *error) {
    (void)ctx;
    (void)error;
    assert_true(typed.size <= capacity);
    show(&typed, pin);
    *size = typed.size;
    return ROVE_OK;
}

static void write_log(void *ctx, rove_log_level level, const char *module, const char *line) {
    (void)ctx;
    (void)fprintf(log_file, "%d %s: %s\n", (int)level, module, line);
}

static void start(void) {
    word secret = draw("secret");

    orders_prepare(&p, &keys, FOLDER);
    keystore = needle_of(secret.text, WORD_SIZE);
    keystore.size = ROVE_SECRET_SIZE; /* the rest is 0xff */
    rove_posix_allocator(&p.ports.allocator);
    p.ports.keyring = (rove_keyring){.secret = give_secret, .pin = give_pin};
    log_file = fopen(LOG, "w");
    assert_non_null(log_file);
    p.ports.log = (rove_log){.write = write_log, .most = ROVE_LOG_DEBUG};
    phone_open(&p);
    phone_enroll(&p);
    rove__wipe(&secret, sizeof secret);
}

static void set_pin(void) {
    word pin = draw("PIN");

    phone_ok(&p, rove_wrap_key(p.replica, NULL, pin.text, WORD_SIZE, &p.error));
    typed = needle_of(pin.text, WORD_SIZE);
    rove__wipe(&pin, sizeof pin);
}

static void types_a_wrong_pin(void) {
    needle right = typed;
    word pin = draw("wrong PIN");

    typed = needle_of(pin.text, WORD_SIZE);
    rove__wipe(&pin, sizeof pin);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WRONG_KEY);
    typed = right;
    phone_ok(&p, rove_unlock(p.replica, &p.error));
}

static rove_id writes_and_reads(void) {
    word name = draw("name");
    struct ProtobufCMessage *message = NULL;
    rove_query *query = NULL;
    void *bytes = NULL;
    size_t size = 0;

    rove_id id = phone_account(&p, name.text);
    phone_ok(&p, rove_get_packed(p.replica, "Account", id, &bytes, &size, &p.error));
    rove_release(p.replica, bytes);
    phone_ok(&p, rove_get(p.replica, "Account", id, &message, &p.error));
    rove_release_message(p.replica, message);
    rove_value parameter = rove_text(name.text);
    phone_ok(&p, rove_query_new(p.replica,
                                "SELECT upper(name), * FROM account WHERE name LIKE ?1 || '%'"
                                " ORDER BY name || id",
                                &parameter, 1, &query, &p.error));
    phone_ok(&p, rove_query_step(query, &p.error));
    rove_query_free(query);
    rove__wipe(&name, sizeof name);
    return id;
}

static void searches_in_vain(void) {
    word text = draw("searched");
    rove_query *query = NULL;
    rove_value parameter = rove_text(text.text);

    phone_ok(&p, rove_query_new(p.replica, "SELECT id FROM contact WHERE last_name = ?1",
                                &parameter, 1, &query, &p.error));
    phone_is(&p, rove_query_step(query, &p.error), ROVE_DONE);
    rove_query_free(query);
    rove__wipe(&text, sizeof text);
}

static void works_in_transactions(rove_id account) {
    word kept = draw("kept");
    word dropped = draw("rolled back");
    rove_field fields[] = {{"about_id", rove_int(account)},
                           {"created_at", rove_int(PHONE_NOW_MS)},
                           {"text", rove_text(kept.text)}};
    rove_id id = 0;

    phone_ok(&p, rove_begin(p.replica, &p.error));
    phone_ok(&p, rove_insert(p.replica, "Note", fields, 3, &id, &p.error));
    phone_ok(&p, rove_commit(p.replica, &p.error));
    fields[2].value = rove_text(dropped.text);
    phone_ok(&p, rove_begin(p.replica, &p.error));
    phone_ok(&p, rove_insert(p.replica, "Note", fields, 3, &id, &p.error));
    rove_rollback(p.replica);
    rove__wipe(&kept, sizeof kept);
    rove__wipe(&dropped, sizeof dropped);
}

static void seals_a_visit(rove_id account) {
    word purpose = draw("visit");
    rove_field fields[] = {{"account_id", rove_int(account)},
                           {"planned_start", rove_int(PHONE_NOW_MS)},
                           {"purpose", rove_text(purpose.text)}};
    rove_field done[] = {{"status", rove_int(5)},
                         {"actual_start", rove_int(PHONE_NOW_MS)},
                         {"actual_end", rove_int(PHONE_NOW_MS + 1)}};
    rove_id visit = 0;

    phone_ok(&p, rove_insert(p.replica, "Visit", fields, 3, &visit, &p.error));
    phone_ok(&p, rove_seal(p.replica, "Visit", visit, done, 3, &p.error));
    rove__wipe(&purpose, sizeof purpose);
}

static rove_status put_file(void *ctx, const void *bytes, size_t size, rove_error *error) {
    (void)error;
    return fwrite(bytes, 1, size, ctx) == size ? ROVE_OK : ROVE_IO;
}

static void exports(void) {
    word text = draw("exported");
    FILE *file = fopen(EXPORT, "wb");
    const rove_sink to = {put_file, file};
    rove_export *out = NULL;

    assert_non_null(file);
    phone_ok(&p, rove_export_new(p.replica, &to, &out, &p.error));
    phone_ok(&p, rove_export_write(out, text.text, WORD_SIZE, &p.error));
    phone_ok(&p, rove_export_end(out, &p.error));
    rove_export_free(out);
    assert_int_equal(fclose(file), 0);
    rove__wipe(&text, sizeof text);
}

static rove_status put_nowhere(void *ctx, const void *bytes, size_t size, rove_error *error) {
    (void)ctx;
    (void)bytes;
    (void)size;
    (void)error;
    return ROVE_OK;
}

/* It is still open when the replica is locked. */
static rove_export *exports_half(void) {
    const rove_sink to = {put_nowhere, NULL};
    word text = draw("half exported");
    rove_export *out = NULL;

    phone_ok(&p, rove_export_new(p.replica, &to, &out, &p.error));
    phone_ok(&p, rove_export_write(out, text.text, WORD_SIZE, &p.error));
    rove__wipe(&text, sizeof text);
    return out;
}

static void cannot_go_on(rove_export *out, enum ending how) {
    rove_status said = how == LOCKED ? ROVE_LOCKED : ROVE_WIPED;

    phone_is(&p, rove_export_write(out, "more", 4, &p.error), said);
    phone_is(&p, rove_export_end(out, &p.error), said);
    if (how == LOCKED) {
        phone_ok(&p, rove_unlock(p.replica, &p.error));
        phone_is(&p, rove_export_end(out, &p.error), ROVE_LOCKED); /* its beginning is gone */
    }
    rove_export_free(out);
}

static int stays_open(enum ending how) {
    return how == EVICTED || how == HANDED_OVER;
}

/* Those that are in use now. */
static void hide_keys(enum ending how) {
    if (stays_open(how)) {
        return; /* it is at work with them */
    }
    rove__vault *vault = &p.replica->store->vault;
    const rove__credentials *credentials = p.replica->credentials;

    hide("data key", vault->data.key, ROVE_DATA_KEY_SIZE, 0, 0);
    for (size_t i = 0; i < ROVE_EPOCH_KEYS; i++) {
        if (vault->keys[i].epoch != 0) {
            hide("unit key", vault->keys[i].key, ROVE_GCM_KEY_SIZE, 0, 0);
        }
    }
    /* A locked device signs and reaches headquarters: its own key stays, once, in the identity. A wiped one is nobody any more. */
    size_t size = credentials->key_size < NEEDLE_MAX ? credentials->key_size : NEEDLE_MAX;
    hide("identity's key", credentials->key, size, how == LOCKED ? 1 : 0, 0);
}

/* All that the process may have written, one mapping behind the other. */
static void dump(const char *path) {
    static uint8_t page[4096];
    int memory = open("/proc/self/mem", O_RDONLY);
    FILE *maps = fopen("/proc/self/maps", "r");
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    char line[512];

    assert_true(memory >= 0 && maps != NULL && out >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long long from = 0;
        unsigned long long to = 0;
        char mode[8] = "";
        if (sscanf(line, "%llx-%llx %7s", &from, &to, mode) != 3 || mode[1] != 'w') {
            continue;
        }
        for (uint64_t at = from; at < to; at += sizeof page) {
            int own = at <= (uint64_t)(uintptr_t)page + sizeof page &&
                      at + sizeof page > (uint64_t)(uintptr_t)page;
            if (!own && pread(memory, page, sizeof page, (off_t)at) == (ssize_t)sizeof page) {
                assert_int_equal(write(out, page, sizeof page), sizeof page);
            }
        }
        memset(page, 0, sizeof page);
    }
    (void)fclose(maps);
    (void)close(memory);
    (void)close(out);
}

static void hand_over(void) {
    FILE *file = fopen(NEEDLES, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(list, sizeof *list, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* Headquarters grants the rep nothing any more. */
static void take_all(phone *office, rove__frame_writer *writer, rove__buf *answer) {
    const rove__page page = {.has_held = 1, .cursor = {PHONE_TIMELINE, PHONE_SEQ + 1}};

    phone_welcome(office, writer, answer);
    PHONE_MESSAGE(office, writer, answer, ROVE_FRAME_PAGE, page, &page);
    phone_end(office, writer, answer, 0);
}

static void gives_his_accounts_up(void) {
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    p.safe = p.seq;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    assert_int_equal(phone_state(&p).pending, 0);
    p.compose = take_all;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 0);
    phone_ok(&p, rove_tidy(p.replica, &p.error));
    assert_int_equal(phone_state(&p).remains, 0);
}

static void another_enrols(void) {
    char code[ROVE_INVITATION_SIZE];

    p.user = PHONE_USER + 1;
    p.number = PHONE_NUMBER + 1;
    phone_ok(&p, rove_enroll(p.replica, PHONE_URL, phone_code(&p, code), &p.error));
    assert_int_equal(phone_state(&p).user, p.user);
}

static void ends(enum ending how) {
    switch (how) {
    case LOCKED:
        phone_ok(&p, rove_lock(p.replica, &p.error));
        break;
    case WIPED:
        phone_ok(&p, rove_wipe(p.replica, &p.error));
        break;
    case HANDED_OVER:
        another_enrols();
        break;
    case EVICTED:
    default:
        gives_his_accounts_up();
        break;
    }
}

static void app(enum ending how) {
    assert_true(rove_posix_overwrite_freed());
    start();
    set_pin();
    types_a_wrong_pin();
    rove_id account = writes_and_reads();
    searches_in_vain();
    works_in_transactions(account);
    seals_a_visit(account);
    exports();
    hide_keys(how);
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    phone_ok(&p, rove_replace_key(p.replica, &p.error));
    (void)writes_and_reads();
    hide_keys(how);
    rove_export *half = stays_open(how) ? NULL : exports_half();
    hand_over();
    dump(BEFORE);
    ends(how);
    rove__arena_free(&p.arena); /* headquarters' */
    dump(AFTER);
    if (half != NULL) {
        cannot_go_on(half, how);
    }
    (void)fclose(log_file);
}

/* ---- who finds it ---- */

/* How often it is in a file. */
static size_t count_in(const char *path, const needle *what) {
    struct stat info;
    size_t found = 0;
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0 && fstat(fd, &info) == 0);
    size_t size = (size_t)info.st_size;
    if (size >= what->size) {
        const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        assert_ptr_not_equal(bytes, MAP_FAILED);
        for (size_t at = 0; at + what->size <= size; at++) {
            found += needle_at(what, bytes + at) ? 1u : 0u;
        }
        (void)munmap((void *)(uintptr_t)bytes, size);
    }
    (void)close(fd);
    return found;
}

static void is_in_no_file(const hidden *h, size_t least) {
    char path[300];
    DIR *folder = opendir(FOLDER);
    size_t files = 0;

    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        snprintf(path, sizeof path, "%s/%s", FOLDER, entry->d_name);
        if (entry->d_name[0] != '.') {
            files++;
            if (count_in(path, &h->what) > 0) {
                fail_msg("%s is in %s", h->name, path);
            }
        }
    }
    (void)closedir(folder);
    assert_true(files >= least);
    if (count_in(EXPORT, &h->what) > 0 || count_in(LOG, &h->what) > 0) {
        fail_msg("%s is in the log or in an export", h->name);
    }
}

static void take_over(void) {
    FILE *file = fopen(NEEDLES, "rb");

    assert_non_null(file);
    count = fread(list, sizeof *list, NEEDLES_MAX, file);
    (void)fclose(file);
    assert_true(count >= 10);
}

static void nothing_is_left(enum ending ending) {
    int how = 0;
    size_t seen = 0;
    struct stat info;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their memory is not the C library's */
#endif
    if (!rove_posix_overwrite_freed()) {
        skip();
    }
    count = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        app(ending);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    take_over();
    for (size_t i = 0; i < count; i++) {
        size_t left = count_in(AFTER, &list[i].what);
        seen += count_in(BEFORE, &list[i].what) > 0;
        if (left > list[i].allowed) {
            fail_msg("%s is in memory %zu times", list[i].name, left);
        }
        is_in_no_file(&list[i], ending == WIPED ? 1 : 4);
    }
    assert_true(seen >= 4); /* while it was open */
    assert_true(stat(LOG, &info) == 0 && info.st_size > 0);
}

static void nothing_is_left_of_a_locked_replica(void **state) {
    (void)state;
    nothing_is_left(LOCKED);
}

static void nothing_is_left_of_a_wiped_replica(void **state) {
    (void)state;
    nothing_is_left(WIPED);
}

static void nothing_is_left_of_records_that_went_to_another(void **state) {
    (void)state;
    nothing_is_left(EVICTED);
}

static void nothing_is_left_of_the_rep_before(void **state) {
    (void)state;
    nothing_is_left(HANDED_OVER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_of_a_locked_replica),
        cmocka_unit_test(nothing_is_left_of_records_that_went_to_another),
        cmocka_unit_test(nothing_is_left_of_the_rep_before),
        cmocka_unit_test(nothing_is_left_of_a_wiped_replica),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
