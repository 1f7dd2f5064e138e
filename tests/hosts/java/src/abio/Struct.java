package abio;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.Map;

/** A struct of abio.json in memory of its own: fields by name, with its size already filled in. */
public final class Struct {
    record Field(String type, int offset, int size) {}

    record Layout(int size, Map<String, Field> fields) {
        Field field(String name) {
            Field found = fields.get(name);
            if (found == null)
                throw new IllegalArgumentException("no field " + name);
            return found;
        }
    }

    private final Layout layout;
    public final Memory memory;

    Struct(Layout layout) {
        this.layout = layout;
        this.memory = new Memory(layout.size());
        memory.clear();
        if (layout.fields().containsKey("size"))
            set("size", layout.size());
    }

    public Struct set(String name, long value) {
        Field field = layout.field(name);
        switch (field.type()) {
            case "u16" -> memory.setShort(field.offset(), (short) value);
            case "u32", "i32" -> memory.setInt(field.offset(), (int) value);
            case "u64", "i64" -> memory.setLong(field.offset(), value);
            default -> throw new IllegalArgumentException(name + " is no number");
        }
        return this;
    }

    public Struct set(String name, byte[] bytes) {
        memory.write(layout.field(name).offset(), bytes, 0, bytes.length);
        return this;
    }

    public long get(String name) {
        return number(memory, layout, name);
    }

    public byte[] bytes(String name) {
        Field field = layout.field(name);
        return memory.getByteArray(field.offset(), field.size());
    }

    /** A struct inside this one. */
    public Pointer at(String name) {
        return memory.share(layout.field(name).offset());
    }

    public Pointer pointer(String name) {
        return memory.getPointer(layout.field(name).offset());
    }

    static long number(Pointer memory, Layout layout, String name) {
        Field field = layout.field(name);
        return switch (field.type()) {
            case "u16" -> Short.toUnsignedLong(memory.getShort(field.offset()));
            case "u32" -> Integer.toUnsignedLong(memory.getInt(field.offset()));
            case "i32" -> memory.getInt(field.offset());
            default -> memory.getLong(field.offset());
        };
    }
}
