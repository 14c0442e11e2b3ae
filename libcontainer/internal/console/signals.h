/* Have signals written to fd, a byte each: the number. Gives 0 or an errno. */
int rung_catch(int fd, const unsigned char *signals, int count);
