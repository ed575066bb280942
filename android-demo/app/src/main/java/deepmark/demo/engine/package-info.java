/**
 * The C++ runtime in Java: bundles in, garments with landmarks out. It imports nothing of Android,
 * so it runs in any JVM. Every failure is an {@link deepmark.demo.engine.EngineException} with one
 * sentence.
 */
package deepmark.demo.engine;
