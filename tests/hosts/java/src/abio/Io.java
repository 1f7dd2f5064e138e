package abio;

import com.sun.jna.Memory;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;

/**
 * A file, a socket, a pipe's end. Closing lets go of it; so does the collector when nobody has, for
 * abio_release may be called on any thread.
 */
public final class Io implements AutoCloseable {
    private static final Cleaner CLEANER = Cleaner.create();

    public final Driver driver;
    public final long handle;
    private final Cleaner.Cleanable release;

    public Io(Driver driver, long handle) {
        Library abio = driver.abio;
        this.driver = driver;
        this.handle = handle;
        release = CLEANER.register(this, () -> abio.answer("release", handle));
    }

    public static CompletableFuture<Io> open(Driver driver, String name, String access,
            int flags) {
        byte[] path = name.getBytes(StandardCharsets.UTF_8);
        Struct options = driver.abio.struct("open_options")
                .set("access", driver.abio.constant("ACCESS_" + access)).set("flags", flags);
        Memory copied = new Memory(path.length);
        copied.write(0, path, 0, path.length);
        return driver.start("open", driver.id, copied, path.length, options)
                .thenApply(event -> new Io(driver, event.handle()));
    }

    /** 127.0.0.1, on this port. */
    public static Struct address(Library abio, int port) {
        return abio.struct("address").set("family", abio.constant("FAMILY_IPV4"))
                .set("length", 4).set("port", port).set("data", new byte[] {127, 0, 0, 1});
    }

    public static CompletableFuture<Io> connect(Driver driver, int port) {
        return driver.start("connect", driver.id, address(driver.abio, port), null)
                .thenApply(event -> new Io(driver, event.handle()));
    }

    /** On the loop's thread, as everything but operations. */
    public static Io listen(Driver driver) {
        return new Io(driver, driver.abio.made("listen", driver.id, address(driver.abio, 0), null));
    }

    /** On the loop's thread: what reads and what writes. */
    public static Io[] pipe(Driver driver) {
        Memory ends = new Memory(16);
        driver.abio.call("pipe", driver.id, 0, ends, ends.share(8));
        return new Io[] {new Io(driver, ends.getLong(0)), new Io(driver, ends.getLong(8))};
    }

    public int port() {
        Struct info = driver.abio.struct("io_info");
        driver.abio.call("info", handle, info);
        Struct.Layout address = driver.abio.layout("address");
        return (int) Struct.number(info.at("local"), address, "port");
    }

    public CompletableFuture<Io> accept() {
        return driver.start("accept", handle, 0)
                .thenApply(event -> new Io(driver, event.handle()));
    }

    /** Reads what comes into the room that a direct buffer has left: 0 bytes are the end. */
    public Driver.Operation read(ByteBuffer into) {
        return driver.startThen(event -> into.position(into.position() + (int) event.result()),
                "read", handle, into, into.remaining(), 0);
    }

    public Driver.Operation writeAll(ByteBuffer from) {
        return driver.start("write_all", handle, from, from.remaining(), 0);
    }

    public Driver.Operation readAtExact(ByteBuffer into, long offset) {
        return driver.start("read_at_exact", handle, into, into.remaining(), offset, 0);
    }

    public Driver.Operation copyTo(Io sink) {
        return driver.start("copy", handle, sink.handle, -1, 0);
    }

    public Driver.Operation shutdown() {
        return driver.start("shutdown", handle, 0);
    }

    /** On the loop's thread: sends a copy of some bytes with all others of this turn. */
    public int put(byte[] bytes) {
        return driver.abio.call("put", handle, bytes, bytes.length);
    }

    @Override
    public void close() {
        release.clean();
    }
}
