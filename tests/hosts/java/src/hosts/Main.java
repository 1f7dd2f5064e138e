package hosts;

import abio.Driver;
import abio.EventLoop;
import abio.Io;
import abio.Library;
import abio.Lines;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.channels.SelectionKey;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** abio in a Java program: {@code Main LIBRARY GENERATED_DIRECTORY}, in an empty directory. */
public final class Main {
    private static final String NAME = "numbered.txt";
    private static final int LINES = 10_000;
    private static final int CHUNK = 16_384;
    private static final int CLIENTS = 8;

    private final Report report = new Report();
    private final Library abio;
    private final EventLoop loop = new EventLoop();
    private final Driver driver;
    private final byte[] content = IntStream.range(0, LINES)
            .mapToObj(number -> "line " + number + "\n").reduce(new StringBuilder(),
                    StringBuilder::append, StringBuilder::append)
            .toString().getBytes(StandardCharsets.UTF_8);

    private Main(Library abio) throws Exception {
        this.abio = abio;
        driver = Driver.open(abio, loop).get();
    }

    public static void main(String[] arguments) throws Exception {
        Path path = Path.of(arguments[0]), generated = Path.of(arguments[1]);
        Library abio = new Library(path, generated);
        System.out.println("loads: yes, libabio " + abio.version);
        JsonObject manifest = Library.parse(generated.resolve("conformance.json"));
        Main main = new Main(abio);
        System.out.println("manifest: " + new Manifest(abio, manifest, main.report).run());
        main.report.part("files", main::files);
        main.report.part("sockets", main::sockets);
        main.report.part("own loop", main::ownLoop);
        main.report.part("cancel", main::cancel);
        main.report.part("gc", () -> new Collecting(main.report, path, generated).run());
        main.driver.close().get();
        main.report.check("events nobody asked for", 0L, main.driver.unasked);
        main.loop.close();
        System.exit(main.report.end());
    }

    /** Direct memory never moves: the kernel gets this very address. */
    private static ByteBuffer direct(byte[] bytes) {
        return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    }

    /** Runs a step on the loop's thread; the main thread waits for what it promises. */
    private <T> T await(Supplier<CompletableFuture<T>> step) throws Exception {
        return CompletableFuture.supplyAsync(step, loop).thenCompose(future -> future)
                .get(2, TimeUnit.MINUTES);
    }

    // ---- files ---------------------------------------------------------------------------------

    private String files() throws Exception {
        int flags = abio.constant("OPEN_CREATE") | abio.constant("OPEN_TRUNCATE");
        await(() -> Io.open(driver, NAME, "WRITE", flags)
                .thenCompose(file -> file.writeAll(direct(content))
                        .thenAccept(event -> {
                            report.check("written", (long) content.length, event.result());
                            file.close();
                        })));
        await(() -> Io.open(driver, NAME, "READ", 0).thenCompose(file -> byOffset(file)
                .thenCompose(same -> {
                    report.check("read by offset", true, same);
                    return readLines(new Lines(file, 1000), 0);
                })
                .thenAccept(count -> {
                    report.check("lines that are right", LINES, count);
                    file.close();
                })));
        return null;
    }

    /** Any number of positional reads may be in flight, each into a part of one buffer. */
    private CompletableFuture<Boolean> byOffset(Io file) {
        ByteBuffer whole = ByteBuffer.allocateDirect(content.length);
        List<CompletableFuture<?>> reads = new ArrayList<>();
        for (int at = 0; at < content.length; at += CHUNK) {
            ByteBuffer part = whole.slice(at, Math.min(CHUNK, content.length - at));
            reads.add(file.readAtExact(part, at));
        }
        return CompletableFuture.allOf(reads.toArray(CompletableFuture[]::new))
                .thenApply(all -> whole.equals(ByteBuffer.wrap(content)));
    }

    private static CompletableFuture<Integer> readLines(Lines lines, int count) {
        return lines.next().thenCompose(line -> {
            if (line != null && line.equals("line " + count))
                return readLines(lines, count + 1);
            lines.close();
            return CompletableFuture.completedFuture(line == null ? count : -1);
        });
    }

    // ---- sockets -------------------------------------------------------------------------------

    private String sockets() throws Exception {
        String wanted = digest(ByteBuffer.wrap(content));
        Io listener = await(() -> CompletableFuture.completedFuture(Io.listen(driver)));
        loop.execute(() -> serve(listener, CLIENTS));
        int port = await(() -> CompletableFuture.completedFuture(listener.port()));
        List<CompletableFuture<String>> fetched = IntStream.range(0, CLIENTS)
                .mapToObj(client -> fetch(port)).toList();
        for (CompletableFuture<String> one : fetched)
            report.check("what a client got", wanted, one.get(2, TimeUnit.MINUTES));
        listener.close();
        return null;
    }

    private void serve(Io listener, int left) {
        if (left > 0)
            listener.accept().thenAccept(peer -> {
                serve(listener, left - 1);
                answer(peer).whenComplete((done, cause) -> peer.close());
            });
    }

    private CompletableFuture<?> answer(Io peer) {
        Lines requests = new Lines(peer, 1000);
        return requests.next()
                .thenCompose(line -> Io.open(driver, line.substring("GET ".length()), "READ", 0))
                .thenCompose(file -> file.copyTo(peer).whenComplete((event, cause) -> file.close()))
                .thenCompose(event -> peer.shutdown())
                .whenComplete((event, cause) -> requests.close());
    }

    private CompletableFuture<String> fetch(int port) {
        ByteBuffer into = ByteBuffer.allocateDirect(content.length + 1);
        byte[] request = ("GET " + NAME + "\n").getBytes(StandardCharsets.UTF_8);
        return Io.connect(driver, port).thenCompose(io -> io.writeAll(direct(request))
                .thenCompose(event -> readAll(io, into))
                .thenApply(all -> digest(all.flip()))
                .whenComplete((digest, cause) -> io.close()));
    }

    private static CompletableFuture<ByteBuffer> readAll(Io io, ByteBuffer into) {
        return io.read(into).thenCompose(event -> event.result() > 0 ? readAll(io, into)
                : CompletableFuture.completedFuture(into));
    }

    private static String digest(ByteBuffer bytes) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(bytes);
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException cause) {
            throw new IllegalStateException(cause);
        }
    }

    // ---- the loop's own life -------------------------------------------------------------------

    /** A read of abio's waits for a timer of the loop's, and a channel of NIO's for the read. */
    private String ownLoop() throws Exception {
        List<String> order = new ArrayList<>();
        Pipe pipe = Pipe.open();
        CompletableFuture<Void> heard = new CompletableFuture<>();
        await(() -> {
            Io[] ends = Io.pipe(driver);
            ByteBuffer into = ByteBuffer.allocateDirect(8);
            try {
                loop.watch(pipe.source(), SelectionKey.OP_READ, () -> {
                    order.add("channel");
                    closeAll(pipe.source());
                    heard.complete(null);
                });
            } catch (IOException cause) {
                heard.completeExceptionally(cause);
            }
            loop.after(1_000_000, () -> {
                order.add("timer");
                ends[1].put("later".getBytes(StandardCharsets.UTF_8));
            });
            return ends[0].read(into).thenCompose(event -> {
                order.add("read " + event.result());
                write(pipe.sink());
                closeAll(ends[0], ends[1], pipe.sink());
                return heard;
            });
        });
        report.check("what came after what", List.of("timer", "read 5", "channel"), order);
        return "a Selector, told by abio_driver_doorbell";
    }

    private static void write(Pipe.SinkChannel sink) {
        try {
            sink.write(ByteBuffer.wrap(new byte[1]));
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    private static void closeAll(AutoCloseable... all) {
        for (AutoCloseable one : all)
            try {
                one.close();
            } catch (Exception cause) {
                throw new IllegalStateException(cause);
            }
    }

    // ---- cancelling ----------------------------------------------------------------------------

    private String cancel() throws Exception {
        Io[] ends = await(() -> CompletableFuture.completedFuture(Io.pipe(driver)));
        ByteBuffer into = ByteBuffer.allocateDirect(5);
        Driver.Operation silent = ends[0].read(into);
        report.check("cancel asks", true, silent.cancel(true));
        // It was asked, no more: the memory is lent until the event says that it has ended.
        report.check("how it ends", CancellationException.class, endOf(silent));
        report.check("it is cancelled", true, silent.isCancelled());
        report.check("a second cancel", false, silent.cancel(true));

        Driver.Operation next = ends[0].read(into);
        loop.execute(() -> ends[1].put("bytes".getBytes(StandardCharsets.UTF_8)));
        report.check("the next read", 5L, next.get(2, TimeUnit.MINUTES).result());
        report.check("every byte", "bytes", StandardCharsets.UTF_8.decode(into.flip()).toString());

        // From the thread that uses the deadline, and with the same meaning.
        ScheduledExecutorService deadlines = Executors.newSingleThreadScheduledExecutor();
        Driver.Operation late = ends[0].read(into.clear());
        deadlines.schedule(() -> late.cancel(true), 1, TimeUnit.MILLISECONDS);
        report.check("a deadline", CancellationException.class, endOf(late));
        deadlines.shutdown();
        closeAll(ends[0], ends[1]);
        return null;
    }

    private static Class<?> endOf(CompletableFuture<?> future) throws Exception {
        try {
            future.get(2, TimeUnit.MINUTES);
            return null;
        } catch (ExecutionException cause) {
            return cause.getCause().getClass();
        } catch (CancellationException cause) {
            return cause.getClass();
        }
    }
}
