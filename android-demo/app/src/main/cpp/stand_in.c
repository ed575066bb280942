/* libdeepmark_jni.so where there is no NDK and no MNN for Android: every method of Bridge.java throws an
 * IllegalStateException with one sentence. It needs no C library, so that it loads on a phone. Built by
 *   aarch64-linux-gnu-gcc -shared -nostdlib -ffreestanding -fPIC -Wl,-z,max-page-size=16384 */

typedef const void* const** Environment; /* JNIEnv*: a pointer to the table of JNI's functions */

static long throw_it(Environment environment) {
    enum { find_class = 6, throw_new = 14 }; /* places in the table, in every version of JNI */
    void* (*find)(Environment, const char*) =
        (void* (*)(Environment, const char*))(*environment)[find_class];
    int (*raise)(Environment, void*, const char*) =
        (int (*)(Environment, void*, const char*))(*environment)[throw_new];
    void* exception = find(environment, "java/lang/IllegalStateException");
    if (exception)
        raise(environment, exception,
              "This app was built with a stand-in for its native library: it shows the app, and computes nothing.");
    return 0; /* null for the methods that give objects */
}

#define BRIDGE(name)                                                          \
    __attribute__((visibility("default"))) long                               \
        Java_deepmark_demo_engine_Bridge_##name(Environment environment);     \
    long Java_deepmark_demo_engine_Bridge_##name(Environment environment) {   \
        return throw_it(environment);                                         \
    }

BRIDGE(open)
BRIDGE(describe)
BRIDGE(detectFrame)
BRIDGE(detectPicture)
BRIDGE(verify)
BRIDGE(bench)

__attribute__((visibility("default"))) void Java_deepmark_demo_engine_Bridge_close(void);
void Java_deepmark_demo_engine_Bridge_close(void) {} /* of a detector that was never opened */
