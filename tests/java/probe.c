/*
 * probe.c - what a shell on the Java virtual machine takes of librove: handles are numbers, texts and messages are bytes,
 * a failure is an exception with the status' name. The public API alone, and nothing clever.
 */
#include <stdint.h>
#include <stdlib.h>

#include <rove/posix.h>
#include <rove/rove.h>

#include "Probe.h"

typedef struct probe {
    rove_ports ports;
    rove *replica;
    JavaVM *vm;
    jobject watcher; /* a global reference, or NULL */
} probe;

static probe *of(jlong handle) {
    return (probe *)(uintptr_t)handle;
}

/* 1: it went well. */
static int fine(JNIEnv *env, rove_status status, const rove_error *error) {
    char text[ROVE_ERROR_MESSAGE_MAX + 40];
    if (status != ROVE_OK) {
        snprintf(text, sizeof text, "%s: %s", rove_status_name(status), error->message);
        (*env)->ThrowNew(env, (*env)->FindClass(env, "java/lang/IllegalStateException"), text);
    }
    return status == ROVE_OK;
}

/* The bytes of an array, borrowed until drop(); a text ends with a NUL, which Java's side puts there. */
static const char *take(JNIEnv *env, jbyteArray array) {
    return (const char *)(*env)->GetByteArrayElements(env, array, NULL);
}

static void drop(JNIEnv *env, jbyteArray array, const char *bytes) {
    (*env)->ReleaseByteArrayElements(env, array, (jbyte *)(uintptr_t)bytes, JNI_ABORT);
}

JNIEXPORT jlong JNICALL Java_Probe_open(JNIEnv *env, jclass type, jbyteArray folder) {
    rove_error error = {0};
    probe *self = calloc(1, sizeof *self);
    const char *path = take(env, folder);
    rove_status status = self == NULL ? ROVE_NOMEM : rove_posix_ports_new(&self->ports);
    if (status == ROVE_OK) {
        self->ports.app = "java probe";
        (*env)->GetJavaVM(env, &self->vm);
        status = rove_open(&self->ports, path, &self->replica, &error);
    }
    drop(env, folder, path);
    return fine(env, status, &error) ? (jlong)(uintptr_t)self : 0;
}

JNIEXPORT void JNICALL Java_Probe_close(JNIEnv *env, jclass type, jlong handle) {
    probe *self = of(handle);
    rove_close(self->replica);
    rove_posix_ports_free(&self->ports);
    (*env)->DeleteGlobalRef(env, self->watcher);
    free(self);
}

JNIEXPORT void JNICALL Java_Probe_enroll(JNIEnv *env, jclass type, jlong handle, jbyteArray url,
                                         jbyteArray code) {
    rove_error error = {0};
    const char *where = take(env, url);
    const char *what = take(env, code);
    rove_status status = rove_enroll(of(handle)->replica, where, what, &error);
    drop(env, url, where);
    drop(env, code, what);
    (void)fine(env, status, &error);
}

JNIEXPORT jlong JNICALL Java_Probe_put(JNIEnv *env, jclass type, jlong handle, jbyteArray entity,
                                       jbyteArray message) {
    rove_error error = {0};
    rove_id id = 0;
    const char *name = take(env, entity);
    const char *bytes = take(env, message);
    rove_status status = rove_put_packed(of(handle)->replica, name, bytes,
                                         (size_t)(*env)->GetArrayLength(env, message), &id, &error);
    drop(env, entity, name);
    drop(env, message, bytes);
    return fine(env, status, &error) ? id : 0;
}

JNIEXPORT jbyteArray JNICALL Java_Probe_query(JNIEnv *env, jclass type, jlong handle,
                                              jbyteArray sql, jbyteArray row) {
    rove_error error = {0};
    void *bytes = NULL;
    size_t size = 0;
    const char *text = take(env, sql);
    const char *values = take(env, row);
    rove_status status =
        rove_query_packed(of(handle)->replica, text, values,
                          (size_t)(*env)->GetArrayLength(env, row), &bytes, &size, &error);
    drop(env, sql, text);
    drop(env, row, values);
    jbyteArray rows = fine(env, status, &error) ? (*env)->NewByteArray(env, (jsize)size) : NULL;
    if (rows != NULL) {
        (*env)->SetByteArrayRegion(env, rows, 0, (jsize)size, bytes);
    }
    rove_release(of(handle)->replica, bytes);
    return rows;
}

/* On whichever of Java's threads committed. */
static void changed(void *ctx, const rove_event *events, size_t count) {
    probe *self = ctx;
    JNIEnv *env = NULL;
    if ((*self->vm)->GetEnv(self->vm, (void **)&env, JNI_VERSION_10) != JNI_OK) {
        return;
    }
    jmethodID accept = (*env)->GetMethodID(env, (*env)->GetObjectClass(env, self->watcher),
                                           "changed", "(Ljava/lang/String;J)V");
    for (size_t i = 0; i < count && !(*env)->ExceptionCheck(env); i++) {
        jstring entity = (*env)->NewStringUTF(env, events[i].entity);
        (*env)->CallVoidMethod(env, self->watcher, accept, entity, events[i].id);
        (*env)->DeleteLocalRef(env, entity);
    }
}

JNIEXPORT void JNICALL Java_Probe_watch(JNIEnv *env, jclass type, jlong handle, jobject watcher) {
    probe *self = of(handle);
    rove_watch(self->replica, NULL, NULL); /* nobody uses the former one any more */
    (*env)->DeleteGlobalRef(env, self->watcher);
    self->watcher = watcher == NULL ? NULL : (*env)->NewGlobalRef(env, watcher);
    rove_watch(self->replica, watcher == NULL ? NULL : changed, self);
}

JNIEXPORT jlong JNICALL Java_Probe_sync(JNIEnv *env, jclass type, jlong handle) {
    rove_error error = {0};
    rove_sync_report report;
    rove_status status = rove_sync(of(handle)->replica, NULL, &report, &error);
    return fine(env, status, &error) ? (jlong)(report.rows_pushed << 32 | report.rows_applied) : -1;
}
