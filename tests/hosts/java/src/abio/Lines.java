package abio;

import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;

/** The lines of anything that reads, by the library's own BufRead. On the loop's thread. */
public final class Lines implements AutoCloseable {
    private final Library abio;
    private final Io reader;
    private final long buffer;
    private final Pointer data;

    public Lines(Io io, int longest) {
        abio = io.driver.abio;
        reader = new Io(io.driver, abio.made("buf_reader", io.handle, 65536, 0));
        buffer = abio.made("buffer_alloc", longest, 0, 0);
        Struct state = abio.struct("buffer_state");
        abio.call("buffer_info", buffer, state);
        data = state.pointer("data");
    }

    /** The next line without its end; null behind the last. */
    public CompletableFuture<String> next() {
        abio.call("buffer_set", buffer, 0, 0);
        return reader.driver.start("read_line", reader.handle, buffer, 0).thenApply(event -> {
            int length = (int) event.result();
            // The memory is the library's and stays until close: copied out before the next line.
            return length == 0 ? null : StandardCharsets.UTF_8
                    .decode(data.getByteBuffer(0, length)).toString().stripTrailing();
        });
    }

    @Override
    public void close() {
        abio.answer("buffer_release", buffer);
        reader.close();
    }
}
