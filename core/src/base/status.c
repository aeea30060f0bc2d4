/*
 * base/status.c - the names, sentences and classes of rove_status, from the table in rove/status.h.
 */
#include "rove/status.h"

const char *rove_status_name(rove_status status) {
    switch (status) {
#define STATUS_NAME(name, value, class_, text)                                                     \
    case ROVE_##name:                                                                              \
        return #name;
        ROVE_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
    }
    return "?";
}

const char *rove_status_text(rove_status status) {
    switch (status) {
#define STATUS_TEXT(name, value, class_, text)                                                     \
    case ROVE_##name:                                                                              \
        return text;
        ROVE_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "An unknown status was reported.";
}

rove_status_class rove_status_classify(rove_status status) {
    switch (status) {
#define STATUS_CLASS(name, value, class_, text)                                                    \
    case ROVE_##name:                                                                              \
        return ROVE_CLASS_##class_;
        ROVE_STATUS_MAP(STATUS_CLASS)
#undef STATUS_CLASS
    }
    return ROVE_CLASS_CALLER;
}
