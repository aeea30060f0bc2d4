/*
 * sync.c - enrol and sync with progress and a budget, and say to the rep what came of it. Here nobody listens at the
 * address, so that both fail, and the work stays.
 *
 *     example_sync [URL CODE]      with an address and a code of your own headquarters, both work
 */
#include "example.h"

/* What a rep is told, by who can do something about it. Unsent work is safe in every case. */
static void tell(const char *doing, rove_status status, const rove_error *error) {
    switch (rove_status_classify(status)) {
    case ROVE_CLASS_FINE:
        printf("%s: %s\n", doing, rove_status_text(status));
        break;
    case ROVE_CLASS_RETRY:
        printf("%s: %s It is tried again by itself. (%s)\n", doing, rove_status_text(status),
               error->message);
        break;
    case ROVE_CLASS_ACCESS:
        printf("%s: %s Please call headquarters. (%s)\n", doing, rove_status_text(status),
               error->message);
        break;
    case ROVE_CLASS_CALLER:
    case ROVE_CLASS_DEVICE:
    case ROVE_CLASS_PEER:
        printf("%s: %s Please tell support: %s (%s)\n", doing, rove_status_text(status),
               rove_status_name(status), error->message);
        break;
    }
}

static void show_progress(void *ctx, const rove_sync_progress *progress) {
    (void)ctx;
    printf("\r%llu rows up, %llu rows down", (unsigned long long)progress->rows_pushed,
           (unsigned long long)progress->rows_applied);
    fflush(stdout);
}

/* A host would look at a button, or at whether the app still may run in the background. */
static int is_cancelled(void *ctx) {
    (void)ctx;
    return 0;
}

static rove_status sync(rove *replica, rove_error *error) {
    rove_sync_report report;
    rove_sync_options options = {.size = sizeof options,
                                 .seconds_max = 25,
                                 .progress = show_progress,
                                 .cancelled = is_cancelled};

    rove_status status = rove_sync(replica, &options, &report, error);
    if (status == ROVE_OK) {
        printf("\n%s\n", report.verified ? "This replica is what headquarters has."
                                         : "Up to date as far as can be told.");
    }
    if (report.next_sync_ms != 0) {
        printf("next sync in %lld s\n",
               (long long)(report.next_sync_ms - rove_now_ms(replica)) / 1000);
    }
    return status;
}

/* The screen is off, and the device is charging: nobody minds that writes wait for a second. */
static void when_idle(rove *replica) {
    rove_error error = {.message = ""};
    rove_status status = rove_tidy(replica, &error);

    if (status != ROVE_OK) {
        printf("Not tidied; another time. (%s)\n", error.message);
    }
}

int main(int argc, char **argv) {
    const char *url = argc == 3 ? argv[1] : "https://127.0.0.1:1";
    const char *code = argc == 3 ? argv[2] : EXAMPLE_CODE;
    rove_ports ports;
    rove_error error = {.message = ""};
    rove *replica = NULL;
    rove_state state = {.size = sizeof state};

    example_ports(&ports);
    if (rove_posix_transport_new(&ports.transport, &ports.allocator) != ROVE_OK) {
        return 1;
    }
    EXAMPLE_OK(rove_open(&ports, "example_sync", &replica, &error), &error);
    EXAMPLE_OK(rove_read_state(replica, &state, &error), &error);
    rove_status enrolled = ROVE_EXISTS;
    if (!state.enrolled) {
        enrolled = rove_enroll(replica, url, code, &error);
        tell("Enrolment", enrolled, &error);
    }
    rove_status synced = sync(replica, &error);
    tell("Sync", synced, &error);
    EXAMPLE_OK(rove_read_state(replica, &state, &error), &error);
    if (state.remains) {
        when_idle(replica);
    }

    rove_close(replica);
    rove_posix_transport_free(&ports.transport);
    example_ports_free(&ports);
    int as_expected =
        argc == 3 ? synced == ROVE_OK : enrolled == ROVE_NETWORK && synced == ROVE_NOT_ENROLLED;
    return as_expected ? 0 : 1;
}
