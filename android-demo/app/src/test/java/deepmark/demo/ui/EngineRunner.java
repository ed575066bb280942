package deepmark.demo.ui;

import org.junit.runners.model.FrameworkMethod;
import org.junit.runners.model.InitializationError;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.internal.bytecode.InstrumentationConfiguration;

/**
 * Runs tests with the real engine. Its classes are loaded once for all levels of Android: a native
 * library belongs to one class loader.
 */
public final class EngineRunner extends RobolectricTestRunner {
    public EngineRunner(Class<?> test) throws InitializationError {
        super(test);
    }

    @Override
    protected InstrumentationConfiguration createClassLoaderConfig(FrameworkMethod method) {
        return new InstrumentationConfiguration.Builder(super.createClassLoaderConfig(method))
                .doNotAcquirePackage("deepmark.demo.engine.")
                .build();
    }
}
