/* The program: all of it is in the library. */
#include <plait/program.h>

int main(int argc, char **argv)
{
	return plait_main(argc, argv);
}
