package abio;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;

/**
 * A loop as Java programs have them: one thread, one {@link Selector}, tasks and timers. It knows
 * nothing of abio; Netty's NioEventLoop or a game's main loop would do in its place.
 */
public final class EventLoop implements Executor, AutoCloseable {
    private record Timer(long at, long number, Runnable task) {}

    private final Selector selector = Selector.open();
    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final PriorityQueue<Timer> timers = new PriorityQueue<>((one, other) ->
            one.at != other.at ? Long.compare(one.at - other.at, 0)
                    : Long.compare(one.number, other.number));
    private final Thread thread = new Thread(this::run, "loop");
    private long timersMade;
    private volatile boolean closed;

    public EventLoop() throws IOException {
        thread.start();
    }

    public boolean isThread() {
        return Thread.currentThread() == thread;
    }

    @Override
    public void execute(Runnable task) {
        tasks.add(task);
        selector.wakeup();
    }

    /** On the loop's thread: runs `task` on it after so many nanoseconds. */
    public void after(long nanoseconds, Runnable task) {
        timers.add(new Timer(System.nanoTime() + nanoseconds, timersMade++, task));
    }

    /** On the loop's thread: runs `task` whenever the channel is ready. */
    public SelectionKey watch(SelectableChannel channel, int interest, Runnable task)
            throws IOException {
        channel.configureBlocking(false);
        return channel.register(selector, interest, task);
    }

    private long untilNextTimer() {
        if (timers.isEmpty())
            return 0; // for ever, says select
        return Math.max(1, (timers.peek().at - System.nanoTime() + 999_999) / 1_000_000);
    }

    private void run() {
        try {
            while (!closed) {
                selector.select(key -> ((Runnable) key.attachment()).run(), untilNextTimer());
                while (!timers.isEmpty() && timers.peek().at - System.nanoTime() <= 0)
                    timers.remove().task.run();
                for (Runnable task; (task = tasks.poll()) != null; )
                    task.run();
            }
            selector.close();
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /** Ends the thread, after what it has been told to run. */
    @Override
    public void close() {
        execute(() -> closed = true);
        boolean interrupted = false;
        while (thread.isAlive())
            try {
                thread.join();
            } catch (InterruptedException cause) {
                interrupted = true;
            }
        if (interrupted)
            Thread.currentThread().interrupt();
    }
}
