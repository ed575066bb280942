package deepmark.demo.engine;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The engine in the host's JVM, driven by {@code tests/android/test_engine.py}: a script of one
 * command a line, and a file for the answers, one line each. A failure is an answer too: {@code
 * error}, a blank, the sentence.
 */
public final class EngineRun {
    private Detector detector;

    private EngineRun() {}

    public static void main(String[] arguments) throws IOException {
        EngineRun run = new EngineRun();
        List<String> answers = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String answer;
            try {
                answer = run.answer(line.split("\t", -1));
            } catch (EngineException | IllegalStateException error) {
                answer = "error " + error.getMessage();
            } catch (InterruptedException error) {
                throw new AssertionError(error);
            }
            answers.add(answer);
        }
        Files.write(Path.of(arguments[1]), answers);
    }

    private String answer(String[] words)
            throws EngineException, IOException, InterruptedException {
        return switch (words[0]) {
            case "open" -> open(words);
            case "close" -> close();
            case "describe" -> detector.describe();
            case "picture" -> written(picture(words));
            case "frame" -> written(detector.detect(frame(words), decoding(words)));
            case "handle" ->
                    new String(Bridge.describe(Long.parseLong(words[1])), StandardCharsets.UTF_8);
            case "heap frame" -> written(detector.detect(heap(frame(words)), decoding(words)));
            case "verify" -> verify(words);
            case "bench" -> bench(words);
            case "ways" -> ways();
            case "asked" -> asked(words);
            case "threads" -> threads(words);
            case "cycles" -> cycles(words);
            default -> throw new IllegalArgumentException(words[0]);
        };
    }

    /** open BUNDLE THREADS, and a fit in capital letters; SQUARE where it is left out. */
    private String open(String[] words) throws EngineException {
        Fit fit = words.length > 3 ? Fit.valueOf(words[3]) : Fit.SQUARE;
        detector = Detector.open(new File(words[1]), settings(Integer.parseInt(words[2])), fit);
        return "opened";
    }

    /**
     * The properties deepmark.compute, .precision and .storage name the way, deepmark.kernels the
     * folder for what a GPU's driver compiles.
     */
    private static EngineSettings settings(int threads) {
        Way way =
                new Way(
                        EngineSettings.Compute.valueOf(
                                System.getProperty("deepmark.compute", "CPU")),
                        EngineSettings.Precision.valueOf(
                                System.getProperty("deepmark.precision", "FP32")),
                        EngineSettings.Storage.valueOf(
                                System.getProperty("deepmark.storage", "IMAGE")),
                        threads);
        String kernels = System.getProperty("deepmark.kernels");
        return new EngineSettings(
                way, EngineSettings.Memory.NORMAL, kernels == null ? null : new File(kernels));
    }

    /** Every way that a search tries, but for threads of a GPU. */
    private static String ways() {
        List<String> ways = new ArrayList<>();
        for (Way way : Way.all()) {
            boolean cpu = way.compute() == EngineSettings.Compute.CPU;
            ways.add((cpu ? way.threads() + " " : "") + way.arithmetic());
        }
        return String.join(", ", ways);
    }

    /** asked BUNDLE PICTURES: what the native side was asked for, whether it can do it or not. */
    private static String asked(String[] words) {
        Log log = new Log(-1);
        Benchmark.Options options = new Benchmark.Options(settings(3), null, 0, 0, 1, 0);
        try {
            Benchmark.run(new File(words[1]), new File(words[2]), options, log::take, log.cancel);
        } catch (EngineException refused) {
            // It had said what it was asked for.
        }
        return log.lines.get(0);
    }

    private String close() {
        detector.close();
        return "closed";
    }

    private static Decoding decoding(String[] words) {
        return new Decoding(Integer.parseInt(words[1]), Double.parseDouble(words[2]));
    }

    /** picture TECHNIQUES SCORE WIDTH HEIGHT FILE: big-endian words of ARGB. */
    private Found picture(String[] words) throws EngineException, IOException {
        ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(Path.of(words[5])));
        int[] argb = new int[content.remaining() / 4];
        content.asIntBuffer().get(argb);
        return detector.detect(
                argb, Integer.parseInt(words[3]), Integer.parseInt(words[4]), decoding(words));
    }

    /**
     * frame TECHNIQUES SCORE FILE, then the offset, length, row and pixel stride of y, u, v, and
     * Frame's others.
     */
    private static Frame frame(String[] words) throws IOException {
        byte[] content = Files.readAllBytes(Path.of(words[3]));
        int[] numbers = new int[19];
        for (int i = 0; i < numbers.length; i++) numbers[i] = Integer.parseInt(words[4 + i]);
        return new Frame(
                plane(content, numbers, 0),
                plane(content, numbers, 4),
                plane(content, numbers, 8),
                numbers[12],
                numbers[13],
                numbers[14],
                numbers[15],
                numbers[16],
                numbers[17] != 0,
                numbers[18] != 0);
    }

    /** A direct buffer whose plane does not begin at its first byte. */
    private static Frame.Plane plane(byte[] content, int[] numbers, int at) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(numbers[at + 1] + 3);
        bytes.position(3);
        bytes.put(content, numbers[at], numbers[at + 1]);
        bytes.position(3);
        return new Frame.Plane(bytes, numbers[at + 2], numbers[at + 3]);
    }

    /** The same frame with a plane that is not direct. */
    private static Frame heap(Frame frame) {
        ByteBuffer inside = ByteBuffer.allocate(frame.y().bytes().remaining());
        Frame.Plane y = new Frame.Plane(inside, frame.y().rowStride(), frame.y().pixelStride());
        return new Frame(
                y, frame.u(), frame.v(), 0, 0, frame.right(), frame.bottom(), 0, false, true);
    }

    /** verify BUNDLE LINES: after so many lines the flag is set; -1: never; -2: the sink throws. */
    private static String verify(String[] words) throws EngineException {
        Log log = new Log(Integer.parseInt(words[2]));
        boolean equal = Verification.run(new File(words[1]), settings(1), log::take, log.cancel);
        return (equal ? "equal " : "differs ") + log;
    }

    /** bench BUNDLE PICTURES WARM RUNS TECHNIQUES LINES. */
    private static String bench(String[] words) throws EngineException {
        Log log = new Log(Integer.parseInt(words[6]));
        int techniques = Integer.parseInt(words[5]);
        Benchmark.Options options =
                new Benchmark.Options(
                        settings(1),
                        techniques < 0 ? null : new Decoding(techniques, 0.25),
                        Integer.parseInt(words[3]),
                        0,
                        Integer.parseInt(words[4]),
                        0);
        Benchmark.run(new File(words[1]), new File(words[2]), options, log::take, log.cancel);
        return "done " + log;
    }

    /**
     * threads COUNT, then a picture's words: each analyses it eight times with techniques of its
     * own.
     */
    private String threads(String[] words)
            throws EngineException, IOException, InterruptedException {
        List<String> expected = new ArrayList<>();
        String[] asked = List.of(words).subList(1, words.length).toArray(new String[0]);
        int count = Integer.parseInt(words[1]);
        for (int i = 0; i < count; i++) {
            asked[1] = Integer.toString(15 - i);
            expected.add(objects(picture(asked)));
        }
        List<Thread> threads = new ArrayList<>();
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int own = i;
            threads.add(
                    new Thread(
                            () -> {
                                String[] mine = asked.clone();
                                mine[1] = Integer.toString(15 - own);
                                try {
                                    for (int n = 0; n < 8; n++) {
                                        String found = objects(picture(mine));
                                        if (!found.equals(expected.get(own)))
                                            throw new IllegalStateException("thread " + own);
                                    }
                                } catch (EngineException
                                        | IOException
                                        | IllegalStateException error) {
                                    synchronized (wrong) {
                                        wrong.add(error.toString());
                                    }
                                }
                            }));
        }
        for (Thread thread : threads) thread.start();
        for (Thread thread : threads) thread.join();
        return "different " + wrong;
    }

    /**
     * cycles COUNT BUNDLE, then a picture's words: prints how much larger the process is than after
     * a tenth.
     */
    private String cycles(String[] words) throws EngineException, IOException {
        int count = Integer.parseInt(words[1]);
        String[] asked = List.of(words).subList(2, words.length).toArray(new String[0]);
        long early = 0;
        for (int i = 0; i < count; i++) {
            open(new String[] {"open", words[2], "1"});
            picture(asked);
            close();
            if (i == count / 10) {
                early = residentKib();
            }
        }
        return "grew " + (residentKib() - early);
    }

    private static long residentKib() throws IOException {
        System.gc();
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) return Long.parseLong(line.replaceAll("\\D", ""));
        }
        throw new IllegalStateException("no VmRSS");
    }

    private static String objects(Found found) {
        StringBuilder text = new StringBuilder();
        for (Garment one : found.garments()) text.append(one).append('\n');
        return text.toString();
    }

    private static String written(Found found) {
        StringBuilder text = new StringBuilder();
        text.append(
                String.format(
                        Locale.ROOT,
                        "{\"size\":[%d,%d],\"ms\":[%f,%f,%f],\"objects\":[",
                        found.width(),
                        found.height(),
                        found.convertMs(),
                        found.networkMs(),
                        found.decodeMs()));
        String comma = "";
        for (Garment one : found.garments()) {
            text.append(comma).append("{\"class_id\":").append(one.classId());
            text.append(",\"score\":").append(one.score());
            text.append(",\"box_score\":").append(one.boxScore());
            text.append(",\"landmark_score\":").append(one.landmarkScore());
            text.append(",\"box\":")
                    .append(List.of(one.left(), one.top(), one.right(), one.bottom()));
            List<List<Float>> points = new ArrayList<>();
            for (Landmark point : one.landmarks()) {
                points.add(List.of(point.x(), point.y(), point.score(), point.refined() ? 1f : 0f));
            }
            text.append(",\"landmarks\":").append(points).append('}');
            comma = ",";
        }
        return text.append("]}").toString();
    }

    /** Lines that were heard, and what is done after so many of them. */
    private static final class Log {
        private final AtomicBoolean cancel = new AtomicBoolean();
        private final List<String> lines = new ArrayList<>();
        private final int limit;

        Log(int limit) {
            this.limit = limit;
        }

        void take(String line) {
            if (limit == -2) throw new IllegalStateException("the sink is full");
            lines.add(line);
            if (lines.size() == limit) cancel.set(true);
        }

        @Override
        public String toString() {
            return lines.toString();
        }
    }
}
