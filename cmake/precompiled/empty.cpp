// The owner of a precompiled header needs a source.
int main() {}
