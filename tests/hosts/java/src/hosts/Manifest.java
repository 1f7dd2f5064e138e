package hosts;

import abio.Library;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiConsumer;

/** Every function with every misuse: the rows of conformance.json, each on fresh handles. */
final class Manifest {
    private final Library abio;
    private final JsonObject manifest;
    private final Report report;
    private final ExecutorService other = Executors.newSingleThreadExecutor();

    Manifest(Library abio, JsonObject manifest, Report report) {
        this.abio = abio;
        this.manifest = manifest;
        this.report = report;
    }

    String run() throws Exception {
        int ran = 0, failed = 0, left = 0;
        for (JsonElement element : manifest.getAsJsonArray("rows")) {
            JsonObject row = element.getAsJsonObject();
            if (row.get("where").getAsString().equals("child")) {
                left++;
                continue;
            }
            ran++;
            String wrong = new Row(row).run();
            if (wrong != null) {
                failed++;
                report.fail("%s %s: %s".formatted(row.get("function").getAsString(),
                        row.get("case").getAsString(), wrong));
            }
        }
        other.shutdown();
        report.passed(ran - failed);
        return "%d rows run, %d failed; left out: %d rows in a forked child (a JVM cannot fork)"
                .formatted(ran, failed, left);
    }

    private static String unprefixed(JsonElement name) {
        return name.getAsString().substring("abio_".length());
    }

    private final class Row {
        private final JsonObject row;
        private final Map<String, Long> kept = new HashMap<>();
        private final Map<String, Memory> named = new HashMap<>();
        /** All memory of a row lives until its drivers are closed. */
        private final List<Memory> held = new ArrayList<>();
        /** Where the call that is about to be made stores handles. */
        private final Map<String, Memory> stores = new HashMap<>();

        Row(JsonObject row) {
            this.row = row;
        }

        /** What is wrong, or null. */
        String run() {
            try {
                row.getAsJsonArray("needs").forEach(name -> make(name.getAsString()));
                String name = unprefixed(row.get("function"));
                Object[] arguments = arguments(row.getAsJsonArray("arguments"));
                boolean elsewhere = row.get("where").getAsString().equals("thread");
                String wrong = elsewhere ? other.submit(() -> judge(name, arguments)).get()
                        : judge(name, arguments);
                keep();
                return wrong;
            } catch (Exception cause) {
                return "got " + cause;
            } finally {
                end();
            }
        }

        private void make(String name) {
            if (kept.containsKey(name))
                return;
            JsonObject recipe = manifest.getAsJsonObject("recipes").getAsJsonObject(name);
            recipe.getAsJsonArray("needs").forEach(needed -> make(needed.getAsString()));
            for (JsonElement step : recipe.getAsJsonArray("steps"))
                take(step.getAsJsonObject());
        }

        private void take(JsonObject step) {
            if (step.has("call")) {
                abio.call(unprefixed(step.get("call")), arguments(step.getAsJsonArray("arguments")));
                keep();
                return;
            }
            Memory event = new Memory(48);
            do
                abio.call("driver_wait", kept.get(step.get("finish").getAsString()), event, 48, 1, -1);
            while (event.getLong(0) != step.get("token").getAsLong() || (event.getInt(40) & 1) != 0);
            if (event.getLong(8) < 0)
                throw abio.failure("a step", (int) event.getLong(8), 0);
            if (step.has("as"))
                kept.put(step.get("as").getAsString(), event.getLong(24));
        }

        private Object[] arguments(JsonArray all) {
            stores.clear();
            return all.asList().stream().map(this::argument).toArray();
        }

        private Object argument(JsonElement argument) {
            if (argument.isJsonObject())
                return memory(argument.getAsJsonObject());
            if (argument.getAsJsonPrimitive().isString())
                return kept.get(argument.getAsString());
            return argument.getAsBigInteger().longValue();
        }

        private Pointer memory(JsonObject wanted) {
            if (wanted.has("inside"))
                return named.get(wanted.get("inside").getAsString())
                        .share(wanted.get("offset").getAsLong());
            Memory memory = new Memory(Math.max(1, wanted.get("memory").getAsLong()));
            memory.clear();
            held.add(memory);
            each(wanted, "u32", (at, value) -> memory.setInt(at, value.getAsBigInteger().intValue()));
            each(wanted, "text", (at, value) -> {
                byte[] bytes = value.getAsString().getBytes(StandardCharsets.ISO_8859_1);
                memory.write(at, bytes, 0, bytes.length);
            });
            each(wanted, "points", (at, value) ->
                    memory.setPointer(at, memory(value.getAsJsonObject())));
            if (wanted.has("keep"))
                stores.put(wanted.get("keep").getAsString(), memory);
            if (wanted.has("as"))
                named.put(wanted.get("as").getAsString(), memory);
            return memory;
        }

        private static void each(JsonObject wanted, String key,
                BiConsumer<Long, JsonElement> write) {
            if (wanted.has(key))
                for (JsonElement pair : wanted.getAsJsonArray(key))
                    write.accept(pair.getAsJsonArray().get(0).getAsLong(),
                            pair.getAsJsonArray().get(1));
        }

        private void keep() {
            stores.forEach((name, memory) -> {
                if (memory.getLong(0) != 0)
                    kept.put(name, memory.getLong(0));
            });
        }

        private String judge(String name, Object[] arguments) {
            if (row.has("text")) {
                String got = abio.pointer(name, arguments).getString(0);
                return got.equals(row.get("text").getAsString()) ? null
                        : "expected " + row.get("text") + ", got " + got;
            }
            if (row.has("null"))
                return abio.pointer(name, arguments) == null ? null : "expected NULL";
            if (row.has("head")) {
                Pointer table = abio.pointer(name, arguments);
                JsonObject head = row.getAsJsonObject("head");
                boolean right = table.getInt(0) >= head.get("size").getAsInt()
                        && table.getInt(8) == head.get("trait").getAsInt();
                return right ? null : "expected a head like " + head;
            }
            int got = abio.answer(name, arguments), code = row.get("code").getAsInt();
            boolean refused = row.get("refused").getAsBoolean();
            return (got == code) == refused ? null : "expected %s%s, got %d (%s)".formatted(
                    refused ? "" : "anything but ", row.get("code_name").getAsString(), got,
                    abio.text("error_name", got));
        }

        private void end() {
            JsonObject kinds = manifest.getAsJsonObject("kinds");
            kept.forEach((name, handle) -> {
                if (kinds.get(name).getAsString().equals("driver"))
                    close(handle);
            });
            kept.forEach((name, handle) -> {
                String kind = kinds.get(name).getAsString();
                String release = kind.equals("io") ? "release" : "buffer_release";
                for (int i = 0; i < 8 && !kind.equals("driver"); i++)
                    if (abio.answer(release, handle) < 0)
                        break;
            });
            held.clear();
        }

        private void close(long driver) {
            Memory event = new Memory(48);
            abio.answer("driver_shutdown", driver);
            while (abio.answer("driver_close", driver) == abio.constant("E_BUSY"))
                abio.answer("driver_wait", driver, event, 48, 1, -1);
        }
    }
}
