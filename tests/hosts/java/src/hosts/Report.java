package hosts;

import java.util.Objects;

/** The lines that a host program prints: one for each part, and the checks counted. */
final class Report {
    interface Part {
        /** What it answers, if anything, is told after the yes. */
        String run() throws Exception;
    }

    private int passed;
    private int failed;

    synchronized void check(String what, Object expected, Object got) {
        if (Objects.equals(expected, got))
            passed++;
        else
            fail("%s: expected %s, got %s".formatted(what, brief(expected), brief(got)));
    }

    synchronized void passed(int count) {
        passed += count;
    }

    synchronized void fail(String what) {
        failed++;
        System.err.println("FAILED " + what);
    }

    private static String brief(Object value) {
        String text = String.valueOf(value);
        return text.length() > 200 ? text.substring(0, 200) + "…" : text;
    }

    void part(String name, Part part) {
        int before = failed;
        String how = null;
        try {
            how = part.run();
            passed(1);
        } catch (Exception cause) {
            fail(name + ": expected no exception, got " + cause);
            cause.printStackTrace();
        }
        if (failed > before)
            System.out.println(name + ": no: " + (failed - before) + " checks failed");
        else
            System.out.println(name + ": yes" + (how == null ? "" : ", " + how));
    }

    int end() {
        System.out.println(passed + " passed, " + failed + " failed");
        return failed == 0 ? 0 : 1;
    }
}
