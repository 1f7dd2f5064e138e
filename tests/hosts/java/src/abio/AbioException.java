package abio;

/** A code that the library answered, or with which an operation ended. */
public final class AbioException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** The number: -errno of the system, or one of abio's own. */
    public final int code;
    /** The symbol, such as ABIO_E_BUSY or ENOENT. */
    public final String name;
    /** How many bytes an operation had moved before it ended like this. */
    public final long progress;

    AbioException(Library abio, String what, int code, long progress) {
        super(what + ": " + abio.text("error_text", code));
        this.code = code;
        this.name = abio.text("error_name", code);
        this.progress = progress;
    }
}
