package abio;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * A driver on the thread of an {@link EventLoop}: its one pump settles the futures of operations.
 *
 * <p>A Selector can watch channels of Java's own and no other descriptor, so the driver's is not
 * watched: the library rings a socket whose other end is a SocketChannel here
 * (abio_driver_doorbell).
 */
public final class Driver {
    private static final int EVENTS = 64;

    /** What an operation ended with. */
    public record Event(long result, long progress, long handle, Pointer data) {}

    /**
     * An operation in flight. It completes when its terminal event comes, never before: cancelling
     * asks the library, and what has won by then is a success all the same.
     */
    public final class Operation extends CompletableFuture<Event> {
        private final long token;
        private final String name;
        // What the operation was lent is reachable from here, and this from the table of
        // operations in flight: no collection frees it before the terminal event.
        private final Object[] lent;
        private final Consumer<Event> first;

        private Operation(Consumer<Event> first, String name, long token, Object[] lent) {
            this.first = first;
            this.name = name;
            this.token = token;
            this.lent = lent;
        }

        @Override
        public boolean cancel(boolean mayInterruptIfRunning) {
            if (isDone())
                return false;
            onThread(() -> abio.answer("cancel", id, token));
            return true;
        }

        /** The future of anybody who builds on this one; cancelling it does not reach this one. */
        @Override
        public <U> CompletableFuture<U> newIncompleteFuture() {
            return new CompletableFuture<>();
        }

        private void settle(long result, Event event) {
            if (result >= 0) {
                first.accept(event);
                complete(event);
            }
            else if (result == abio.constant("E_CANCELED"))
                super.cancel(false);
            else
                completeExceptionally(abio.failure(name, (int) result, event.progress));
        }
    }

    public final Library abio;
    public final EventLoop loop;
    /** The handle. */
    public final long id;
    private final Map<Long, Operation> pending = new HashMap<>();
    private final Struct.Layout event;
    private final Memory events;
    private final ByteBuffer bytes = ByteBuffer.allocateDirect(64);
    private final SocketChannel bell;
    private final SelectionKey key;
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    private boolean closing;
    private final AtomicLong tokens = new AtomicLong();
    /** Events that nobody waited for: none, in a program without mistakes. */
    public long unasked;

    /** Made on the loop's thread, to which it then belongs. */
    public static CompletableFuture<Driver> open(Library abio, EventLoop loop) {
        CompletableFuture<Driver> made = new CompletableFuture<>();
        loop.execute(() -> {
            try {
                made.complete(new Driver(abio, loop));
            } catch (IOException | RuntimeException cause) {
                made.completeExceptionally(cause);
            }
        });
        return made;
    }

    private Driver(Library abio, EventLoop loop) throws IOException {
        this.abio = abio;
        this.loop = loop;
        event = abio.layout("event");
        events = new Memory((long) EVENTS * event.size());
        id = abio.made("driver_create", (Object) null);
        bell = hangBell();
        key = loop.watch(bell, SelectionKey.OP_READ, this::pump);
    }

    /**
     * Java tells no channel's descriptor, but the library tells those of its own: it connects, Java
     * accepts, and the connection's other end is what is rung. Nobody else gets into a directory
     * that is new and private.
     */
    private SocketChannel hangBell() throws IOException {
        Path directory = Files.createTempDirectory("abio");
        Path path = directory.resolve("bell");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(path));
            long io = connectNow(path.toString().getBytes(StandardCharsets.UTF_8));
            Struct info = abio.struct("io_info");
            abio.call("info", io, info);
            abio.call("driver_doorbell", id, info.get("fd"), 0);
            // It has a duplicate: the io is not needed any more.
            abio.call("release", io);
            return server.accept();
        } finally {
            Files.deleteIfExists(path);
            Files.delete(directory);
        }
    }

    /** Before there is a bell to wait for: the one wait of a program with a loop. */
    private long connectNow(byte[] path) {
        Struct address = abio.struct("address").set("family", abio.constant("FAMILY_UNIX"))
                .set("length", path.length).set("data", path);
        abio.call("connect", id, address, null, 0);
        abio.call("driver_wait", id, events, event.size(), 1, -1);
        long result = Struct.number(events, event, "result");
        if (result < 0)
            throw abio.failure("connect", (int) result, 0);
        return Struct.number(events, event, "handle");
    }

    private void onThread(Runnable task) {
        if (loop.isThread())
            task.run();
        else
            loop.execute(task);
    }

    /** Starts a function with these arguments and a token of its own; from any thread. */
    public Operation start(String name, Object... arguments) {
        return startThen(event -> {}, name, arguments);
    }

    /** The same; `first` sees a success before anybody who waits for it. */
    public Operation startThen(Consumer<Event> first, String name, Object... arguments) {
        long token = tokens.incrementAndGet();
        Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
        all[arguments.length] = token;
        Operation operation = new Operation(first, name, token, all);
        onThread(() -> begin(operation));
        return operation;
    }

    private void begin(Operation operation) {
        try {
            pending.put(operation.token, operation);
            abio.call(operation.name, operation.lent);
        } catch (RuntimeException refused) {
            pending.remove(operation.token);
            operation.completeExceptionally(refused);
        }
    }

    /** First the bytes, then polls until nothing comes: what arrives meanwhile rings again. */
    private void pump() {
        try {
            while (bell.read(bytes.clear()) > 0)
                continue;
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
        for (int count; (count = abio.call("driver_poll", id, events, event.size(), EVENTS)) > 0; )
            for (int i = 0; i < count; i++)
                deliver(events.share((long) i * event.size(), event.size()));
        if (closing)
            finish();
    }

    private void deliver(Pointer one) {
        long flags = Struct.number(one, event, "flags");
        long result = Struct.number(one, event, "result");
        if ((flags & abio.constant("EVENT_MORE")) != 0)
            return;
        Operation operation = pending.remove(Struct.number(one, event, "token"));
        if (operation == null)
            unasked++;
        else
            operation.settle(result, new Event(result, Struct.number(one, event, "progress"),
                    Struct.number(one, event, "handle"),
                    new Pointer(Struct.number(one, event, "data"))));
    }

    /** Ends what is in flight; completes when all of it has ended and the driver is gone. */
    public CompletableFuture<Void> close() {
        onThread(() -> {
            closing = true;
            abio.call("driver_shutdown", id);
            pump();
        });
        return closed;
    }

    private void finish() {
        if (closed.isDone() || abio.answer("driver_close", id) == abio.constant("E_BUSY"))
            return; // the bell rings when there is more to end
        key.cancel();
        try {
            bell.close();
            closed.complete(null);
        } catch (IOException cause) {
            closed.completeExceptionally(cause);
        }
    }
}
