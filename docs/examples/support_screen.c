/*
 * support_screen.c - what an app tells the people who support it, also of a replica that does not open: which versions run,
 * what is in the files, and whether they are sound.
 */
#include "example.h"
#include "rove/inspect.h"

static void say_libraries(void) {
    rove_library libraries[ROVE_LIBRARIES_MAX];
    size_t count = rove_libraries(libraries, ROVE_LIBRARIES_MAX);

    for (size_t i = 0; i < count; i++) {
        printf("%s %s (built with %s)\n", libraries[i].name, libraries[i].running,
               libraries[i].built);
    }
}

static rove_status say_replica(const rove_ports *ports, const char *folder) {
    rove_inspection found = {.size = sizeof found};
    rove_status status = rove_inspect(ports, folder, ROVE_INSPECT_DEEP, &found);

    if (status == ROVE_OK && found.database == ROVE_OK) {
        printf("%s: %llu records with unsent work, %llu refused; the file is %s\n", folder,
               (unsigned long long)found.pending, (unsigned long long)found.rejections,
               found.damage[0] == '\0' ? "sound" : found.damage);
    } else if (status == ROVE_OK) {
        printf("%s: %s %s\n", folder, rove_status_name(found.database), found.message);
    }
    return status != ROVE_OK ? status : found.database;
}

int main(void) {
    rove_ports ports;

    example_ports(&ports);
    say_libraries();
    rove *replica = example_open(&ports, "example_support_screen");
    rove_close(replica); /* nobody else may have it open, or the app says ROVE_INSPECT_IN_USE */
    int well = say_replica(&ports, "example_support_screen") == ROVE_OK &&
               say_replica(&ports, "no_such_folder") == ROVE_NOT_FOUND;
    example_ports_free(&ports);
    return well ? 0 : 1;
}
