import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A rep's app on the Java virtual machine, as small as it can be: Probe URL CODE FOLDER enrols, writes and queries by
 * packed messages, watches, and syncs on another thread, against a real headquarters.
 */
public final class Probe {
    interface Watcher {
        void changed(String entity, long id);
    }

    static native long open(byte[] folder);
    static native void close(long replica);
    static native void enroll(long replica, byte[] url, byte[] code);
    static native long put(long replica, byte[] entity, byte[] message);
    static native byte[] query(long replica, byte[] sql, byte[] row);
    static native void watch(long replica, Watcher watcher);
    static native long sync(long replica);

    /** As C reads it. */
    static byte[] text(String text) {
        return (text + '\0').getBytes(UTF_8);
    }

    // ---- as much of protobuf as the probe needs; an app has it generated from entities.proto and rows.proto ----

    static void varint(ByteArrayOutputStream out, long value) {
        for (; (value & ~127L) != 0; value >>>= 7) {
            out.write((int) (value & 127 | 128));
        }
        out.write((int) value);
    }

    static byte[] field(int number, byte[] bytes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        varint(out, (long) number << 3 | 2);
        varint(out, bytes.length);
        out.writeBytes(bytes);
        return out.toByteArray();
    }

    static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0;; shift += 7) {
            byte next = in.get();
            value |= (long) (next & 127) << shift;
            if (next >= 0) {
                return value;
            }
        }
    }

    static ByteBuffer bytes(ByteBuffer in) {
        int size = (int) varint(in);
        ByteBuffer bytes = in.slice(in.position(), size);
        in.position(in.position() + size);
        return bytes;
    }

    /** The values of all rows: a Long, a String, or null. */
    static List<Object> values(byte[] rows) {
        List<Object> found = new ArrayList<>();
        for (ByteBuffer in = ByteBuffer.wrap(rows); in.hasRemaining();) {
            boolean isRow = varint(in) >>> 3 == 2;
            ByteBuffer row = bytes(in);
            while (isRow && row.hasRemaining()) {
                varint(row);
                ByteBuffer value = bytes(row);
                int key = value.hasRemaining() ? (int) varint(value) : 0;
                if (key == 1 << 3) {
                    long zigzag = varint(value);
                    found.add(zigzag >>> 1 ^ -(zigzag & 1));
                } else {
                    found.add(key == (3 << 3 | 2) ? UTF_8.decode(bytes(value)).toString() : null);
                }
            }
        }
        return found;
    }

    static List<Object> select(long replica, String sql, String... parameters) {
        ByteArrayOutputStream row = new ByteArrayOutputStream();
        for (String parameter : parameters) {
            row.writeBytes(field(1, field(3, parameter.getBytes(UTF_8))));
        }
        return values(query(replica, text(sql), row.toByteArray()));
    }

    static void check(String what, Object expected, Object seen) {
        if (!expected.equals(seen)) {
            throw new AssertionError(what + ": " + seen + " instead of " + expected);
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.loadLibrary("probe");
        ConcurrentLinkedQueue<String> seen = new ConcurrentLinkedQueue<>();
        ExecutorService background = Executors.newSingleThreadExecutor();
        long replica = open(text(arguments[2]));
        enroll(replica, text(arguments[0]), text(arguments[1]));
        watch(replica, (entity, id) -> seen.add(entity));

        background.submit(() -> sync(replica)).get();
        check("watched during a sync of another thread", true, seen.contains("Account"));
        check("accounts", List.of(3L), select(replica, "SELECT count(*) FROM account"));

        seen.clear();
        String name = "Zürich 😀 車";
        CountDownLatch half = new CountDownLatch(50);
        long made = put(replica, text("Account"), field(2, name.getBytes(UTF_8)));
        check("watched", "[Account]", seen.toString());
        var syncing = background.submit(() -> {
            half.await();
            return sync(replica);
        });
        for (int i = 0; i < 100; i++, half.countDown()) {
            put(replica, text("Account"), field(2, ("shop " + i).getBytes(UTF_8)));
        }
        syncing.get();
        background.submit(() -> sync(replica)).get();
        check("found by its name", List.of(made, name),
            select(replica, "SELECT id, name FROM account WHERE name = ?1", name));

        watch(replica, null);
        seen.clear();
        put(replica, text("Account"), field(2, "unseen".getBytes(UTF_8)));
        check("not watched any more", 0, seen.size());
        try {
            put(replica, text("Nonsense"), new byte[0]);
            throw new AssertionError("an unknown entity was accepted");
        } catch (IllegalStateException refused) {
            check("why", true, refused.getMessage().startsWith("UNKNOWN_ENTITY: "));
        }
        sync(replica);
        background.shutdown();
        close(replica);
        System.out.println(made);
    }
}
