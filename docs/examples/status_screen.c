/*
 * status_screen.c - what a rep should always be able to see: whether everything arrived, what is still to be sent, and
 * what needs his eye.
 */
#include "example.h"

static rove_status show_pending(void *ctx, const rove_pending *pending) {
    (void)ctx;
    printf("  %s %s %lld%s%s%s\n", pending->what, pending->entity, (long long)pending->id,
           pending->fields[0] != '\0' ? ": " : "", pending->fields,
           pending->in_flight ? " (sent, not confirmed)" : "");
    return ROVE_OK;
}

static rove_status show_rejection(void *ctx, const rove_rejection *rejection) {
    (void)ctx;
    printf("  %s %lld was refused: %s\n", rejection->entity, (long long)rejection->id,
           rejection->reason);
    return ROVE_OK;
}

static rove_status show_conflict(void *ctx, const rove_conflict *conflict) {
    (void)ctx;
    printf("  %s %lld, %s: two people wrote it\n", conflict->entity, (long long)conflict->id,
           conflict->field);
    return ROVE_OK;
}

int main(void) {
    rove_ports ports;
    rove_error error;
    rove_id account = 0;
    rove_state state = {.size = sizeof state};
    rove_conflict_filter open = {.size = sizeof open, .open = 1, .limit = 20};

    example_ports(&ports);
    rove *replica = example_open(&ports, "example_status_screen");
    rove_field fields[] = {{"name", rove_text("Ajax Bikes")}};
    EXAMPLE_OK(rove_insert(replica, "Account", fields, 1, &account, &error), &error);

    EXAMPLE_OK(rove_read_state(replica, &state, &error), &error);
    printf("%s\n", state.verified_ms == 0 ? "never compared with headquarters"
                                          : "compared with headquarters");
    printf("%llu to send, %llu refused, %llu conflicts, %llu set aside\n",
           (unsigned long long)state.pending, (unsigned long long)state.rejections,
           (unsigned long long)state.conflicts, (unsigned long long)state.quarantined);
    EXAMPLE_OK(rove_pending_list(replica, show_pending, NULL, &error), &error);
    EXAMPLE_OK(rove_rejections(replica, show_rejection, NULL, &error), &error);
    EXAMPLE_OK(rove_conflicts(replica, &open, show_conflict, NULL, &error), &error);

    rove_close(replica);
    example_ports_free(&ports);
    return state.pending == 1 ? 0 : 1;
}
