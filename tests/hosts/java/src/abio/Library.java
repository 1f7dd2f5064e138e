package abio;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.io.Reader;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;

/**
 * libabio by its one symbol, {@code abio_api}: every call goes through the root table, by the
 * offsets and types that the generated files tell.
 *
 * <p>Memory is a {@link Pointer}, a {@link Memory} or a direct buffer, of which the part from its
 * position on is meant. Memory on Java's heap is copied by JNA and only for the time of the call,
 * so it is refused where an operation starts, which goes on using it.
 */
public final class Library {
    private record Call(Function function, String[] types, boolean start) {}

    private final Map<String, Call> calls = new HashMap<>();
    private final Map<String, Struct.Layout> structs = new HashMap<>();
    private final Map<String, Integer> constants = new HashMap<>();
    private final Function api;
    public final String version;

    public Library(Path path, Path generated) throws IOException {
        JsonObject abio = parse(generated.resolve("abio.json"));
        JsonObject functions = parse(generated.resolve("conformance.json"))
                .getAsJsonObject("functions");
        JsonObject description = abio.getAsJsonObject("description");
        JsonObject abi = description.getAsJsonObject("abi");
        int major = abi.get("major").getAsInt(), minor = abi.get("minor").getAsInt();

        readConstants(description.getAsJsonArray("constants"));
        readStructs(description.getAsJsonArray("structs"));
        // The library is linked nodelete: that JNA closes it when its object is collected only
        // counts down, and what the table points to stays.
        api = NativeLibrary.getInstance(path.toString()).getFunction("abio_api");
        Pointer root = api.invokePointer(new Object[] {major});
        if (root == null)
            throw new IOException(path + " is not of the major version " + major);
        if (root.getShort(4) != major || root.getShort(6) < minor)
            throw new IOException("%s is %d.%d, needed is %d.%d".formatted(path, root.getShort(4),
                    root.getShort(6), major, minor));
        readCalls(functions, root, path);

        Struct info = struct("abi");
        call("abi_info", info.memory);
        boolean newer = info.get("minor") > minor
                || info.get("patch") > abi.get("patch").getAsInt();
        if (!newer && !HexFormat.of().formatHex(info.bytes("hash"))
                .equals(abio.get("sha256").getAsString()))
            throw new IOException(path + " was built from another description than abio.json");
        version = info.get("major") + "." + info.get("minor") + "." + info.get("patch");
    }

    public static JsonObject parse(Path path) throws IOException {
        try (Reader reader = Files.newBufferedReader(path)) {
            return JsonParser.parseReader(reader).getAsJsonObject();
        }
    }

    private void readConstants(JsonArray groups) {
        for (JsonElement group : groups)
            for (JsonElement value : group.getAsJsonObject().getAsJsonArray("values")) {
                JsonObject one = value.getAsJsonObject();
                String prefix = group.getAsJsonObject().get("prefix").getAsString();
                constants.put(prefix.substring("ABIO_".length()) + one.get("name").getAsString(),
                        one.get("number").getAsBigInteger().intValue());
            }
    }

    private void readStructs(JsonArray all) {
        for (JsonElement element : all) {
            JsonObject struct = element.getAsJsonObject();
            Map<String, Struct.Field> fields = new HashMap<>();
            for (JsonElement one : struct.getAsJsonArray("fields")) {
                JsonObject field = one.getAsJsonObject();
                fields.put(field.get("name").getAsString(), new Struct.Field(
                        field.get("type").getAsString(), field.get("offset").getAsInt(),
                        field.get("size").getAsInt()));
            }
            structs.put(struct.get("name").getAsString(),
                    new Struct.Layout(struct.get("size").getAsInt(), fields));
        }
    }

    private void readCalls(JsonObject functions, Pointer root, Path path) throws IOException {
        for (Map.Entry<String, JsonElement> entry : functions.entrySet()) {
            JsonObject function = entry.getValue().getAsJsonObject();
            int offset = function.get("offset").getAsInt();
            if (offset + Native.POINTER_SIZE > root.getInt(0))
                throw new IOException(path + " is too old: it has no " + entry.getKey());
            JsonArray list = function.getAsJsonArray("types");
            String[] types = new String[list.size()];
            for (int i = 0; i < types.length; i++)
                types[i] = list.get(i).getAsString();
            calls.put(entry.getKey().substring("abio_".length()), new Call(
                    offset == 0 ? api : Function.getFunction(root.getPointer(offset)), types,
                    function.get("start").getAsBoolean()));
        }
    }

    /** The value of a constant, named without ABIO_. */
    public int constant(String name) {
        return constants.get(name);
    }

    Struct.Layout layout(String name) {
        return structs.get(name);
    }

    public Struct struct(String name) {
        return new Struct(structs.get(name));
    }

    /** Calls a function, named without abio_; whatever it answers. */
    public int answer(String name, Object... arguments) {
        return calls.get(name).function().invokeInt(converted(name, arguments));
    }

    /** The same; a negative answer is thrown. */
    public int call(String name, Object... arguments) {
        int answer = answer(name, arguments);
        if (answer < 0)
            throw failure(name, answer, 0);
        return answer;
    }

    public Pointer pointer(String name, Object... arguments) {
        return calls.get(name).function().invokePointer(converted(name, arguments));
    }

    public String text(String name, int code) {
        return pointer(name, code).getString(0);
    }

    /** Calls a function whose last argument stores a handle. */
    public long made(String name, Object... arguments) {
        Memory out = new Memory(Long.BYTES);
        Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
        all[arguments.length] = out;
        call(name, all);
        return out.getLong(0);
    }

    public AbioException failure(String what, int code, long progress) {
        return new AbioException(this, what, code, progress);
    }

    private static final Set<String> WIDE = Set.of("u64", "i64");

    private Object[] converted(String name, Object[] arguments) {
        Call call = calls.get(name);
        if (arguments.length != call.types().length)
            throw new IllegalArgumentException(name + " takes " + call.types().length);
        Object[] all = new Object[arguments.length];
        for (int i = 0; i < all.length; i++) {
            if (!call.types()[i].equals("ptr"))
                all[i] = WIDE.contains(call.types()[i])
                        ? (Object) ((Number) arguments[i]).longValue()
                        : (Object) ((Number) arguments[i]).intValue();
            else
                all[i] = memory(name, call.start(), arguments[i]);
        }
        return all;
    }

    private static Object memory(String name, boolean start, Object argument) {
        if (argument == null || argument instanceof Pointer)
            return argument;
        if (argument instanceof Struct struct)
            return struct.memory;
        if (argument instanceof Number address)
            return address.longValue() == 0 ? null : new Pointer(address.longValue());
        if (argument instanceof ByteBuffer buffer && buffer.isDirect())
            return addressOf(buffer);
        if (start || argument instanceof Buffer)
            throw new IllegalArgumentException(name + " goes on using memory: it must not move");
        return argument;
    }

    /** Where the next byte of a direct buffer is; JNA by itself takes the buffer's beginning. */
    public static Pointer addressOf(ByteBuffer buffer) {
        return Native.getDirectBufferPointer(buffer).share(buffer.position());
    }
}
