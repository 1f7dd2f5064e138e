package hosts;

import abio.Driver;
import abio.EventLoop;
import abio.Io;
import abio.Library;
import abio.Struct;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import java.lang.ref.Cleaner;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Everything of Java's may be collected while an operation is in flight. */
final class Collecting {
    private static final int ROUNDS = 200;
    private static final byte[] LATE = "late".getBytes(StandardCharsets.UTF_8);
    private static final Cleaner CLEANER = Cleaner.create();

    private final Report report;
    private final Path path;
    private final Path generated;
    private final AtomicInteger libraries = new AtomicInteger();

    Collecting(Report report, Path path, Path generated) {
        this.report = report;
        this.path = path;
        this.generated = generated;
    }

    String run() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            long[] handles = startBare();
            System.gc();
            if (round % 2 == 1)
                NativeLibrary.getInstance(path.toString()).close(); // dlclose, by hand
            report.check("a read that lost its library", "late", finishBare(handles));
        }
        report.check("libraries were collected", true, libraries.get() > ROUNDS / 2);

        Library abio = new Library(path, generated);
        try (EventLoop loop = new EventLoop()) {
            Driver driver = Driver.open(abio, loop).get();
            for (int round = 0; round < ROUNDS; round++)
                held(driver);
            dropped(driver);
            driver.close().get();
            report.check("events nobody asked for", 0L, driver.unasked);
        }
        return null;
    }

    private Library load() throws Exception {
        Library abio = new Library(path, generated);
        CLEANER.register(abio, libraries::incrementAndGet);
        return abio;
    }

    // ---- nothing of Java's is left but numbers -------------------------------------------------

    /** Memory that only numbers name must be the library's own. */
    private long[] startBare() throws Exception {
        Library abio = load();
        Memory ends = new Memory(16), event = new Memory(48);
        long driver = abio.made("driver_create", (Object) null);
        abio.call("pipe", driver, 0, ends, ends.share(8));
        long buffer = abio.made("buffer_alloc", 16, 0, 0);
        abio.call("read_owned", ends.getLong(0), buffer, 0, 1);
        report.check("a read of a silent pipe", 0,
                abio.call("driver_poll", driver, event, 48, 1));
        return new long[] {driver, ends.getLong(0), ends.getLong(8), buffer};
    }

    private String finishBare(long[] handles) throws Exception {
        Library abio = load();
        Memory event = new Memory(48);
        abio.call("try_write", handles[2], LATE, LATE.length, 0);
        abio.call("driver_wait", handles[0], event, 48, 1, -1);
        Struct state = abio.struct("buffer_state");
        abio.call("buffer_info", handles[3], state);
        String text = new String(state.pointer("data").getByteArray(0, (int) event.getLong(8)),
                StandardCharsets.UTF_8);
        abio.call("buffer_release", handles[3]);
        abio.call("release", handles[1]);
        abio.call("release", handles[2]);
        while (abio.answer("driver_close", handles[0]) == abio.constant("E_BUSY"))
            abio.call("driver_wait", handles[0], event, 48, 1, -1);
        return text;
    }

    // ---- only the loop holds it ----------------------------------------------------------------

    private record Held(CompletableFuture<Long> read, WeakReference<ByteBuffer> into) {}

    /** The buffer is reachable through the operation in flight alone, and stays until its end. */
    private void held(Driver driver) throws Exception {
        Io[] ends = CompletableFuture.supplyAsync(() -> Io.pipe(driver), driver.loop).get();
        Held held = startHeld(driver, ends[0]);
        System.gc();
        ByteBuffer into = held.into.get();
        report.check("a buffer in flight is there", true, into != null);
        driver.loop.execute(() -> ends[1].put(LATE));
        long length = held.read.get(2, TimeUnit.MINUTES);
        if (into != null)
            report.check("a read that only the loop held", "late",
                    StandardCharsets.UTF_8.decode(into.limit((int) length)).toString());
        into = null;
        for (int tries = 0; held.into.get() != null && tries < 1000; tries++)
            System.gc();
        report.check("a buffer that came home is left", null, held.into.get());
        ends[0].close();
        ends[1].close();
    }

    private static Held startHeld(Driver driver, Io reader) {
        ByteBuffer into = ByteBuffer.allocateDirect(16);
        return new Held(driver.start("read", reader.handle, into, into.remaining(), 0)
                .thenApply(Driver.Event::result), new WeakReference<>(into));
    }

    // ---- an io that nobody closed --------------------------------------------------------------

    /** The collector releases it, on a thread of its own, and its peer reads the end. */
    private void dropped(Driver driver) throws Exception {
        List<Io> readers = new ArrayList<>();
        for (int i = 0; i < ROUNDS; i++)
            readers.add(pipeWithoutWriter(driver));
        for (Io reader : readers) {
            Driver.Operation end = reader.read(ByteBuffer.allocateDirect(1));
            while (!end.isDone()) {
                System.gc();
                Thread.onSpinWait();
            }
            report.check("the end of a pipe that was dropped", 0L, end.get().result());
            reader.close();
        }
    }

    private static Io pipeWithoutWriter(Driver driver) throws Exception {
        return CompletableFuture.supplyAsync(() -> Io.pipe(driver)[0], driver.loop).get();
    }
}
